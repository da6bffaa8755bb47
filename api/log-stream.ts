import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { isFinal } from "../domain/packages.ts";
import { PackageRun, readLog } from "../models/packages/index.ts";
import type { Services } from "./services.ts";

const CHUNKS = 64;
/** Without a word over the bus, new lines are looked for this often. */
const POLL_MS = 500;
/** Whoever follows is asked for their right to this often. */
const ASK_MS = 1000;

interface Reading {
  /** Bytes the reader has already. */
  after: number;
  /** Go on until the run ends. */
  follow: boolean;
  /** Refuses who may read no longer. */
  assertReader: () => Promise<unknown>;
  signal: AbortSignal;
}

/**
 * A run's log as UTF-8 bytes. Its bytes never change their place, so a reader goes on with the count of what it has. It
 * breaks off for whoever may read it no longer.
 */
export function followLog(services: Services, runId: string, reading: Reading): Readable {
  return Readable.from(logBytes(services, runId, reading), { objectMode: false });
}

async function* logBytes(
  { bus, objects }: Pick<Services, "bus" | "objects">,
  runId: string,
  { after, follow, assertReader, signal }: Reading,
): AsyncGenerator<Buffer> {
  const grown = listen(bus, runId);
  let askedAt = performance.now();
  try {
    for (let place = after; !signal.aborted;) {
      if (performance.now() - askedAt > ASK_MS) {
        await assertReader();
        askedAt = performance.now();
      }
      const { logKey, state } = await PackageRun.findByPk(runId, { rejectOnEmpty: true });
      if (logKey) {
        yield* keptLog(objects, logKey, place);
        return;
      }
      const fresh = (await readLog(runId, place, CHUNKS)).filter(
        ({ offset, bytes }) => offset + bytes > place,
      );
      for (const { offset, text } of fresh) {
        const piece = Buffer.from(text).subarray(Math.max(0, place - offset));
        place += piece.length;
        yield piece;
      }
      if (fresh.length > 0) continue;
      // An ended run's log may have become an object between the two looks.
      const ended = isFinal(state) || !follow;
      if (ended && !(await PackageRun.findByPk(runId, { rejectOnEmpty: true })).logKey) return;
      if (!ended) await grown.wait(signal);
    }
  } finally {
    grown.stop();
  }
}

async function* keptLog(
  objects: Services["objects"],
  key: string,
  after: number,
): AsyncGenerator<Buffer> {
  const object = await objects.open(key);
  if (!object) throw new Error("a run's log is gone from the store");
  try {
    const { bytes } = object.facts;
    if (after < bytes) yield* await object.read({ start: after, end: bytes - 1 });
  } finally {
    await object.close();
  }
}

function listen(bus: Services["bus"], runId: string) {
  let wake = new AbortController();
  const stop = bus.subscribe((event) => {
    if ("runId" in event.data && event.data.runId === runId) wake.abort();
  });
  return {
    stop,
    /** Waits for a word about the run, or for a moment. */
    async wait(signal: AbortSignal) {
      await sleep(POLL_MS, undefined, { signal: AbortSignal.any([signal, wake.signal]) }).catch(
        () => {},
      );
      wake = new AbortController();
    },
  };
}
