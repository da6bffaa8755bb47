import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { randomBytes } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { ZipFile } from "yazl";
import { makeApk, type SamplePackage } from "../../scripts/demo/sample-package.ts";
import { findProgram } from "../../platform/programs.ts";

/** The real tools, each of which can be held while it works on a package that asks for it. */
export interface RiggedTools {
  /** What makes the platform use them: PATH, HARDEN_COMMAND, SCAN_SIGNATURES. */
  variables: Record<string, string>;
  /** From now on a tool waits in a package that has an entry `hold-in-<tool>`. */
  hold(): Promise<void>;
  letGo(): Promise<void>;
  /** From now on hardening fails for a package that has an entry `hardener-fails`. */
  breakHardener(): Promise<void>;
  repairHardener(): Promise<void>;
}

/** The content that is malware to the scanner of these tests. */
export const MALWARE = "longhaul malware of the tests";
/** What the scanner calls it. */
export const MALWARE_NAME = "Longhaul.Test";

const HARDENER = fileURLToPath(new URL("stand-ins/hardener.mjs", import.meta.url));
const HELD = ["aapt", "clamscan", "zipalign", "apksigner"];

/** Puts the tools into a new folder, which tools may read and the test removes. */
export async function rigTools(folder: string): Promise<RiggedTools> {
  const signatures = join(folder, "signatures");
  await mkdir(signatures, { recursive: true });
  const pattern = Buffer.from(MALWARE).toString("hex");
  await writeFile(join(signatures, "tests.ndb"), `${MALWARE_NAME}:0:*:${pattern}\n`);
  for (const tool of HELD) {
    const real = await findProgram(tool, process.env);
    if (!real) throw new Error(`${tool} is missing: the tests install it before they begin`);
    await writeFile(join(folder, tool), held(tool, real));
    await chmod(join(folder, tool), 0o755);
  }
  const flag = (name: string) => join(folder, name);
  const raise = (name: string) => writeFile(flag(name), "");
  const lower = (name: string) => rm(flag(name), { force: true });
  const harden = [process.execPath, HARDENER, "{input}", "{output}", folder];
  return {
    variables: {
      PATH: `${folder}:${process.env["PATH"]}`,
      HARDEN_COMMAND: JSON.stringify(harden),
      SCAN_SIGNATURES: signatures,
    },
    hold: () => raise("hold"),
    letGo: () => lower("hold"),
    breakHardener: () => raise("broken"),
    repairHardener: () => lower("broken"),
  };
}

const held = (tool: string, real: string) => `#!/bin/sh
for file in "$@"; do
  if [ -f "$file" ] && grep -q "hold-in-${tool}" "$file"; then
    while [ -e "\${0%/*}/hold" ]; do sleep 0.05; done
  fi
done
exec ${real} "$@"
`;

/** A ZIP that has entries of these names, or contents by name, beside some noise. */
export async function makeMarkedZip(
  marks: readonly string[] | Record<string, string>,
): Promise<SamplePackage> {
  const entries = Array.isArray(marks) ? marks.map((mark) => [mark, ""]) : Object.entries(marks);
  const zip = new ZipFile();
  for (const [name, content] of entries as [string, string][]) {
    zip.addBuffer(Buffer.from(content), name, { compress: false });
  }
  zip.addBuffer(randomBytes(100_000), "data.bin", { compress: false });
  zip.end();
  return { fileName: "app.zip", bytes: await buffer(zip.outputStream) };
}

/** A real APK that has an entry of this name. */
export async function makeMarkedApk(mark = "data.bin"): Promise<SamplePackage> {
  const made = await makeApk(300_000, mark);
  if (!made) throw new Error("aapt is missing: the tests install it before they begin");
  return made;
}
