import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import { ZipFile } from "yazl";

/** A package made on the spot: real, small, and different each time. */
export interface SamplePackage {
  fileName: string;
  bytes: Buffer;
}

/** A real APK with a manifest and one asset of `assetBytes`; undefined where `aapt` is missing. */
export async function makeApk(
  assetBytes = 300_000,
  assetName = "data.bin",
): Promise<SamplePackage | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-sample-"));
  try {
    const manifest = join(folder, "AndroidManifest.xml");
    const assets = join(folder, "assets");
    const apk = join(folder, "demo.apk");
    await writeFile(
      manifest,
      '<?xml version="1.0" encoding="utf-8"?>\n<manifest package="com.example.longhaul.demo"><uses-sdk/><application/></manifest>\n',
    );
    await mkdir(assets);
    await writeFile(join(assets, assetName), randomBytes(assetBytes));
    await promisify(execFile)("aapt", ["package", "-f", "-M", manifest, "-A", assets, "-F", apk]);
    return { fileName: "demo.apk", bytes: await readFile(apk) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A real ZIP with a note and `assetBytes` of noise. */
export async function makeZip(assetBytes = 300_000): Promise<SamplePackage> {
  const zip = new ZipFile();
  zip.addBuffer(Buffer.from("A package made by the demo.\n"), "README.txt");
  zip.addBuffer(randomBytes(assetBytes), "data.bin", { compress: false });
  zip.end();
  return { fileName: "demo.zip", bytes: await buffer(zip.outputStream) };
}
