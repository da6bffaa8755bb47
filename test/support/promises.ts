import { executionAsyncId } from "node:async_hooks";

/** Whether Node gives each promise of this process an id, which it does while anybody follows them. */
export async function promisesAreFollowed(): Promise<boolean> {
  const ids = new Set<number>();
  for (let n = 0; n < 3; n++) {
    await Promise.resolve();
    ids.add(executionAsyncId());
  }
  return ids.size > 1;
}
