import type { Windows } from "./archive.ts";

/** Where a DOS header says that the real one stands. */
const POINTER = { at: 0x3c, bytes: 4 };
const DOS_SIGNATURE = 0x5a4d;
const PE_SIGNATURE = 0x00004550;

/** Whether an object is a program of Windows: a DOS header that leads to a PE header (Microsoft's PE format, §2). */
export async function isExecutable(windows: Windows): Promise<boolean> {
  const headerBytes = POINTER.at + POINTER.bytes;
  if (windows.bytes < headerBytes) return false;
  const header = await windows.load(0, headerBytes);
  if (header.readUInt16LE(0) !== DOS_SIGNATURE) return false;
  const at = header.readUInt32LE(POINTER.at);
  if (at + 4 > windows.bytes) return false;
  return (await windows.load(at, 4)).readUInt32LE(0) === PE_SIGNATURE;
}
