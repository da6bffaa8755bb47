import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { refusal } from "../../domain/errors.ts";
import type { PutOptions, Written } from "./store.ts";

const PROGRESS_INTERVAL_MS = 500;

/**
 * Streams `body` into `write`, hashing and counting on the way. Rejects, and only after `write` has ended, when
 * the body fails or is destroyed early, the signal aborts, or more than `maxBytes` arrive; the body is destroyed then.
 */
export async function takeIn(
  body: Readable | Uint8Array | string,
  options: Pick<PutOptions, "signal" | "maxBytes" | "onProgress">,
  write: (chunks: AsyncIterable<Buffer>) => Promise<void>,
): Promise<Written> {
  const { signal, maxBytes = Number.POSITIVE_INFINITY, onProgress } = options;
  const source = body instanceof Readable ? body : Readable.from([Buffer.from(body as Uint8Array)]);
  const hash = createHash("sha256");
  let bytes = 0;
  let reportedAt = Date.now();

  async function* measured(chunks: AsyncIterable<Buffer | string>): AsyncGenerator<Buffer> {
    for await (const given of chunks) {
      const chunk = typeof given === "string" ? Buffer.from(given) : given;
      bytes += chunk.length;
      if (bytes > maxBytes) {
        throw refusal("request/too-large", `This is larger than ${maxBytes} bytes.`);
      }
      hash.update(chunk);
      if (onProgress && Date.now() - reportedAt >= PROGRESS_INTERVAL_MS) {
        reportedAt = Date.now();
        onProgress(bytes);
      }
      yield chunk;
    }
  }

  let writing: Promise<void> | undefined;
  try {
    await pipeline(
      source,
      measured,
      (chunks) => (writing = write(chunks)),
      signal ? { signal } : {},
    );
  } catch (error) {
    await Promise.allSettled([writing]);
    throw error;
  }
  onProgress?.(bytes);
  return { bytes, sha256: hash.digest("hex") };
}

/** The same bytes in blocks of exactly `blockBytes`, the last one excepted. */
export async function* inBlocks(
  chunks: AsyncIterable<Buffer>,
  blockBytes: number,
): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    let rest = chunk;
    while (rest.length > 0) {
      const taken = rest.subarray(0, blockBytes - bytes);
      rest = rest.subarray(taken.length);
      held.push(taken);
      bytes += taken.length;
      if (bytes === blockBytes) {
        yield Buffer.concat(held, bytes);
        held = [];
        bytes = 0;
      }
    }
  }
  if (bytes > 0) yield Buffer.concat(held, bytes);
}
