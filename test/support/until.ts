import { setTimeout as sleep } from "node:timers/promises";

const STEP_MS = 50;

/** Waits until `isSo` holds; gives up after a while with an error that shows where. */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  patienceMs = 100_000,
): Promise<void> {
  const error = new Error(`it did not come to be within ${patienceMs} ms`);
  for (const end = Date.now() + patienceMs; Date.now() < end; await sleep(STEP_MS)) {
    if (await isSo()) return;
  }
  throw error;
}
