import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { refusalIn } from "../../../../domain/errors.ts";
import {
  ObjectReplaced,
  type ObjectStore,
  type OpenedObject,
} from "../../../../platform/objects/index.ts";

/** The least length of a part of an object that is not its last. */
export const PART = 5 * 1024 * 1024;

/** The object under a key, read from one opening; opened anew when it was replaced in between. */
export async function readWhole(store: ObjectStore, key: string) {
  for (;;) {
    const object = await store.open(key);
    if (!object) throw new Error(`nothing under ${key}`);
    try {
      return { facts: object.facts, content: await bytesOf(object) };
    } catch (error) {
      if (!(error instanceof ObjectReplaced)) throw error;
    } finally {
      await object.close();
    }
  }
}

/** Lower-case hex sha256. */
export function digestOf(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

/** The same as text. */
export async function readKey(store: ObjectStore, key: string) {
  const { facts, content } = await readWhole(store, key);
  return { facts, text: content.toString() };
}

async function bytesOf(object: OpenedObject): Promise<Buffer> {
  return Buffer.concat((await (await object.read()).toArray()) as Buffer[]);
}

/** All of a stream as text. */
export async function text(stream: Readable): Promise<string> {
  return Buffer.concat((await stream.toArray()) as Buffer[]).toString();
}

/** The keys that `list` gives. */
export async function listed(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

/** The code of the refusal that this ends in. */
export async function refusalOf(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => undefined,
    (error: unknown) => refusalIn(error)?.code,
  );
}

/** These keys in the order of their UTF-8 bytes. */
export function byBytes(keys: string[]): string[] {
  return keys.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
}

/** A key, or the first segment of one, that no other test uses. */
export function word(): string {
  return randomBytes(6).toString("hex");
}

/** These bytes as they come over a network. */
export function inChunks(content: Buffer): Readable {
  return Readable.from(
    (function* () {
      for (let at = 0; at < content.length; at += 65_536) yield content.subarray(at, at + 65_536);
    })(),
  );
}

/** A source that never ends by itself; after `bytes` it calls `then` with itself, and is silent. */
export function endless(bytes: number, then?: (body: Readable) => void): Readable {
  let sent = 0;
  return new Readable({
    read() {
      if (sent < bytes) {
        const chunk = Buffer.alloc(Math.min(65_536, bytes - sent));
        sent += chunk.length;
        this.push(chunk);
      } else {
        setImmediate(() => then?.(this));
      }
    },
  });
}
