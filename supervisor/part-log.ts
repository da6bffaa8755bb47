import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

const LARGEST_BYTES = 10 * 1024 * 1024;
const KEPT = 3;

/** The log file of one part: begun anew at each start and when it is full; the three before are kept as `.1` to `.3`. */
export interface PartLog {
  write(chunk: Buffer): void;
  close(): void;
}

/** Opens the log of a part. What cannot be written is dropped: a full disk must not end what still serves. */
export function openPartLog(file: string, largestBytes: number = LARGEST_BYTES): PartLog {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  if (existsSync(file) && statSync(file).size > 0) rotate(file);
  let handle = openSync(file, "a", 0o600);
  let bytes = 0;
  return {
    write(chunk) {
      try {
        if (bytes + chunk.length > largestBytes && bytes > 0) {
          closeSync(handle);
          rotate(file);
          handle = openSync(file, "a", 0o600);
          bytes = 0;
        }
        bytes += writeSync(handle, chunk);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      }
    },
    close: () => closeSync(handle),
  };
}

function rotate(file: string): void {
  for (let age = KEPT - 1; age >= 0; age--) {
    const younger = age === 0 ? file : `${file}.${age}`;
    if (existsSync(younger)) renameSync(younger, `${file}.${age + 1}`);
  }
}
