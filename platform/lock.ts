import { setTimeout as wait } from "node:timers/promises";
import { claimFolder } from "./process-table.ts";

/**
 * Runs `body` while no other process of this machine holds the lock; waits for it, whoever died with it.
 * It spares double work and is no proof against it: what `body` makes must appear by one rename.
 */
export async function withLock<T>(
  folder: string,
  name: string,
  body: () => Promise<T>,
  onWait: () => void = () => {},
): Promise<T> {
  let claim = await claimFolder(folder, name);
  if ("heldBy" in claim) onWait();
  while ("heldBy" in claim) {
    await wait(200);
    claim = await claimFolder(folder, name);
  }
  try {
    return await body();
  } finally {
    await claim.release();
  }
}
