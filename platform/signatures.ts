import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";

/** The signatures of a scanner. */
export interface Signatures {
  /** The same for the same signatures, on whatever machine: a sha256. */
  digest: string;
  /** As people know them: `daily 27500, main 62, tests.ndb`. */
  names: string;
}

const NAMES_CHARACTERS = 200;
/** ClamAV's own files begin with 512 bytes of text that name version and content. */
const HEADER_BYTES = 512;
const CONTAINER = /\.(cvd|cld|cud)$/;
/** What lies beside signatures and is none. */
const NONE = /^\.|\.(dat|tmp|log)$/;

/** Looks at a folder of ClamAV signatures: the big files by their headers, the others byte by byte. */
export async function readSignatures(folder: string): Promise<Signatures> {
  const entries = await readdir(folder, { withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory() && !NONE.test(entry.name));
  const hash = createHash("sha256");
  const names: string[] = [];
  for (const name of files.map((entry) => entry.name).sort()) {
    const path = join(folder, name);
    const header = CONTAINER.test(name) ? await readHeader(path) : undefined;
    hash.update(`${name}\n${header ?? (await digestOf(path))}\n`);
    names.push(header ? `${name.replace(CONTAINER, "")} ${header.split(":")[2] ?? "?"}` : name);
  }
  return { digest: hash.digest("hex"), names: names.join(", ").slice(0, NAMES_CHARACTERS) };
}

async function readHeader(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    return buffer.subarray(0, bytesRead).toString("latin1").trim();
  } finally {
    await file.close();
  }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
