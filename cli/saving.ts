import { createWriteStream, type WriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import type { Desk } from "./desk.ts";
import { UsageFault } from "./endings.ts";

/** Writes an answer into a new file that nobody else can read; one that did not come whole is not left there. */
export async function saveAnew(
  { connection, screen: { words, remark } }: Desk,
  path: string,
  file: string,
): Promise<void> {
  const sink = await openNew(file, words.outFault);
  try {
    await connection.save(path, sink);
  } catch (error) {
    sink.destroy();
    await rm(file, { force: true });
    throw error;
  }
  remark(words.saved(file));
}

/** Never over another file: what is in it may be all that is left. */
function openNew(file: string, fault: (file: string, reason: string) => string) {
  return new Promise<WriteStream>((resolve, reject) => {
    const sink = createWriteStream(file, { flags: "wx", mode: 0o600 });
    sink.once("open", () => resolve(sink));
    sink.once("error", (error) => reject(new UsageFault(fault(file, error.message))));
  });
}
