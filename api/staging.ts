import type { Readable } from "node:stream";
import { LIMITS } from "../domain/limits.ts";
import { abandonStaged, forgetStaged, renewStaged, stageObject } from "../models/operations.ts";
import type { Written } from "../platform/objects/index.ts";
import type { Services } from "./services.ts";

/** An object that was stored and that no row points at yet. */
export interface Staged extends Written {
  key: string;
}

const RENEWALS_PER_LEASE = 3;

/**
 * Stores a body under its final key while its lease is renewed; the row that is to point at it adopts it in its own
 * transaction. When this process dies meanwhile, a sweeper removes what came.
 */
export async function stage(
  { database, objects }: Services,
  key: string,
  body: Readable,
  maxBytes: number,
): Promise<Staged> {
  await stageObject(database, key);
  const renewMs = (LIMITS.stagedLeaseSeconds * 1000) / RENEWALS_PER_LEASE;
  const renewal = setInterval(() => {
    renewStaged(database, key).catch((error: Error) => body.destroy(error));
  }, renewMs);
  try {
    return { key, ...(await objects.put(key, body, { maxBytes })) };
  } catch (error) {
    await unstage({ database, objects }, key);
    throw error;
  } finally {
    clearInterval(renewal);
  }
}

/** Removes a staged object that nobody will point at. One that a row has adopted stays, whatever the caller was told. */
export async function unstage(
  { database, objects }: Pick<Services, "database" | "objects">,
  key: string,
): Promise<void> {
  if (!(await abandonStaged(database, key))) return;
  await objects.delete(key);
  await forgetStaged(database, key);
}
