import { createHash } from "node:crypto";
import { LIMITS } from "../../../domain/limits.ts";
import { packageKeys } from "../../../domain/packages.ts";
import { StepFailure } from "../attempt.ts";
import type { StepWork } from "./work.ts";

/** Keeps a version's icon and answers the fact of it; none when there is no icon that browsers show. */
export async function keepIcon(
  { tools, packageId, versionId, signal, say }: StepWork,
  bytes: Buffer | undefined,
): Promise<{ icon?: { content_type: string; bytes: number; sha256: string } }> {
  const contentType = bytes && pngOrWebp(bytes);
  if (!bytes || !contentType) return {};
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const key = packageKeys.icon(packageId, versionId, sha256);
  const written = await tools.objects.put(key, bytes, { contentType, signal });
  say(`its icon is kept, ${written.bytes} bytes of ${contentType}`);
  return { icon: { content_type: contentType, ...written } };
}

const PNG = Buffer.from("89504e470d0a1a0a", "hex");
/** The first chunk of a PNG that Xcode has changed into a form of Apple's own. */
const APPLE_CHUNK = "CgBI";

/** Which of the kinds of picture that every browser shows this is, told by its first bytes; undefined for others. */
export function pngOrWebp(bytes: Buffer): string | undefined {
  const word = (start: number) => bytes.toString("latin1", start, start + 4);
  if (bytes.subarray(0, PNG.length).equals(PNG)) {
    return word(12) === APPLE_CHUNK ? undefined : "image/png";
  }
  return word(0) === "RIFF" && word(8) === "WEBP" ? "image/webp" : undefined;
}

/** Densities by the words in the names of resource folders. */
const DENSITIES = { ldpi: 120, mdpi: 160, hdpi: 240, xhdpi: 320, xxhdpi: 480, xxxhdpi: 640 };
const MOST_FILES = 40;

/**
 * Keeps the icon of an APK: of the files that `aapt dump badging` names the picture of the highest density. An adaptive
 * icon is drawn out of several files, which is beyond us: then a picture of its name, which apps have beside it for
 * older systems, or its foreground.
 */
export async function keepApkIcon(work: StepWork, badging: readonly string[]) {
  const named = namedIcons(badging);
  const main = [...named.keys()].map(stemOf)[0];
  if (main === undefined) return {};
  const stems = [main, `${main}_round`, `${main}_foreground`];
  const wants = (name: string) =>
    named.has(name) || (/^res\/.+\.(png|webp)$/.test(name) && stems.includes(stemOf(name)));
  const found = await readSmall(work, { wants, mostEntries: MOST_FILES });
  const rank = (name: string) =>
    // A picture of another name comes after all of the icon's own.
    (named.get(name) ?? densityOf(name)) - 1000 * Math.max(0, stems.indexOf(stemOf(name)));
  const icons = [...found].toSorted(([a], [b]) => rank(b) - rank(a));
  return keepIcon(work, icons.find(([, bytes]) => pngOrWebp(bytes))?.[1]);
}

/** The files that the manifest means, with the density of each. */
function namedIcons(badging: readonly string[]): Map<string, number> {
  const plain = badging.map((line) => /^application: .*icon='([^']+)'/.exec(line)?.[1]);
  const sized = badging.map((line) => /^application-icon-(\d+):'([^']+)'/.exec(line));
  return new Map([
    ...plain.flatMap((name) => (name ? [[name, 0] as const] : [])),
    ...sized.flatMap((found) => (found ? [[found[2]!, Number(found[1])] as const] : [])),
  ]);
}

const stemOf = (name: string) => /([^/.]+)[^/]*$/.exec(name)?.[1] ?? "";

function densityOf(name: string): number {
  const [, word = ""] = /-(\w*dpi)\b/.exec(name) ?? [];
  return word in DENSITIES ? DENSITIES[word as keyof typeof DENSITIES] : 0;
}

/** Small files out of the step's input. */
export async function readSmall(
  { tools, input }: StepWork,
  wanted: { wants: (name: string) => boolean; mostEntries: number },
): Promise<Map<string, Buffer>> {
  const object = await tools.objects.open(input.key);
  if (!object) throw new StepFailure("broken", "The step's input is not in the store.");
  try {
    return await tools.readEntries(object, { ...wanted, mostBytes: LIMITS.iconBytes });
  } finally {
    await object.close();
  }
}
