import { keepIcon, pngOrWebp, readSmall } from "./icon.ts";
import type { StepWork } from "./work.ts";

const BUNDLE = /^Payload\/[^/]+\.app\/(.+)$/;
const MOST_FILES = 20;
const inBundle = (name: string) => BUNDLE.exec(name)?.[1];

/** Reads what an iOS package says of itself in its Info.plist, and keeps its icon. What it does not say stays away. */
export async function readBundle(work: StepWork): Promise<Record<string, unknown>> {
  const { tools, say } = work;
  const found = await readSmall(work, {
    wants: (name) => inBundle(name) === "Info.plist",
    mostEntries: 1,
  });
  const [plist] = found.values();
  if (!plist) {
    say("no Info.plist: nothing is known of this package");
    return {};
  }
  const top = tools.readPlist(plist);
  const text = (key: string) => {
    const value = top[key];
    return typeof value === "string" && value !== "" ? value : null;
  };
  return {
    package_name: text("CFBundleIdentifier"),
    version_code: text("CFBundleVersion"),
    version_name: text("CFBundleShortVersionString"),
    min_sdk: text("MinimumOSVersion"),
    label: text("CFBundleDisplayName") ?? text("CFBundleName"),
    permissions: Object.keys(top).filter((key) => /^NS.*UsageDescription$/.test(key)),
    ...(await keepBundleIcon(work, iconNames(top))),
  };
}

/** Names of the icon's files without their scale and ending, as `AppIcon60x60`. */
function iconNames(top: Record<string, unknown>): string[] {
  const inside = (value: unknown, key: string) =>
    typeof value === "object" && value !== null
      ? (value as Record<string, unknown>)[key]
      : undefined;
  const files = inside(inside(top["CFBundleIcons"], "CFBundlePrimaryIcon"), "CFBundleIconFiles");
  return Array.isArray(files) ? files.filter((file) => typeof file === "string") : ["AppIcon"];
}

/** The largest of the icon's files that a browser shows; Xcode writes PNGs of Apple's own, which none does. */
async function keepBundleIcon(work: StepWork, names: string[]) {
  const wants = (name: string) => {
    const file = inBundle(name);
    return file?.endsWith(".png") === true && names.some((icon) => file.startsWith(icon));
  };
  const found = await readSmall(work, { wants, mostEntries: MOST_FILES });
  const icons = [...found.values()].toSorted((a, b) => b.length - a.length);
  const icon = icons.find((bytes) => pngOrWebp(bytes));
  if (!icon && icons.length > 0)
    work.say("the icon is a PNG of Apple's own form: no browser shows it");
  return keepIcon(work, icon);
}
