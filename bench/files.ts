import { createReadStream, createWriteStream } from "node:fs";
import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ZipFile } from "yazl";

const MiB = 1024 * 1024;
export const GiB = 1024 * MiB;

/** Writes a ZIP archive that holds noise of so many MiB, uncompressed. */
export async function writeZip(path: string, mebibytes: number): Promise<void> {
  const zip = new ZipFile();
  zip.addReadStream(Readable.from(noise(mebibytes)), "noise.bin", { compress: false });
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(path));
}

/** Each MiB begins otherwise; fresh noise throughout would take longer than what is measured. */
function* noise(mebibytes: number): Generator<Buffer> {
  const rest = randomBytes(MiB - 16);
  for (let written = 0; written < mebibytes; written++)
    yield Buffer.concat([randomBytes(16), rest]);
}

/** Reads a file once, so that it lies in the page cache. */
export async function warm(path: string): Promise<void> {
  for await (const chunk of createReadStream(path, { highWaterMark: MiB })) void chunk;
}
