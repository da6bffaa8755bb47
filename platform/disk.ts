import { statfs } from "node:fs/promises";

/** How full the disk is that a folder lies on, from 0 to 100, of what its users may have. */
export async function usedPercent(folder: string): Promise<number> {
  const { blocks, bfree, bavail } = await statfs(folder);
  const used = blocks - bfree;
  return (100 * used) / (used + bavail);
}
