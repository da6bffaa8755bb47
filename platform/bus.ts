import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Event } from "../domain/events.ts";
import { closeRedis, openRedis } from "./redis.ts";
import type { Word } from "./supervised.ts";

/**
 * Tells this and other processes what happened. Never a source of truth: readers re-read the row, and look again
 * by themselves after a while, for what is announced while Redis is away may not come.
 */
export interface Bus {
  /** Never fails: an event that cannot be sent is no fault of the work that it tells of. */
  announce(event: Event): Promise<void>;
  /** Calls `listener`, which must not throw, for every event until the returned function is called. */
  subscribe(listener: (event: Event) => void): () => void;
  close(): Promise<void>;
}

/** What of `process` leads to the supervisor, which passes words on to its other children. */
export interface Parent {
  connected?: boolean;
  send?(word: Word, handle: undefined, options: undefined, sent: () => void): unknown;
  on(name: "message", listener: (word: unknown) => void): unknown;
  off(name: "message", listener: (word: unknown) => void): unknown;
}

/** Events within this process, and among the children of its supervisor when it has one. */
export function openLocalBus(parent: Parent = process): Bus {
  const audience = gather();
  const hear = (word: unknown) => {
    if (isEventWord(word)) audience.tell(word.event);
  };
  if (parent.connected) parent.on("message", hear);
  return {
    subscribe: audience.subscribe,
    async announce(event) {
      audience.tell(event);
      // The supervisor may go at any time; this process then ends by itself.
      const sent = () => undefined;
      if (parent.connected)
        parent.send?.({ type: "longhaul/event", event }, undefined, undefined, sent);
    },
    async close() {
      parent.off("message", hear);
    },
  };
}

const CONNECT_PATIENCE_MS = 2000;

/** Events among all processes that name the same Redis and prefix. Opens also while Redis is away. */
export async function openRedisBus(redisUrl: string, channelPrefix: string): Promise<Bus> {
  const channel = `${channelPrefix}events`;
  const self = randomUUID();
  const audience = gather();
  const publisher = await openRedis(redisUrl);
  const subscriber = await openRedis(redisUrl, { autoResubscribe: false });
  subscriber.on("message", (_, message) => {
    const word = parse(message);
    // What this process announced it has heard at once.
    if (isEventWord(word) && word.from !== self) audience.tell(word.event);
  });
  let isOpen = true;
  const subscribed = new Promise<void>((resolve) => {
    subscriber.on("ready", () => {
      subscriber.subscribe(channel).then(
        () => resolve(),
        () => isOpen && subscriber.disconnect(true),
      );
    });
  });
  await Promise.race([subscribed, sleep(CONNECT_PATIENCE_MS, undefined, { ref: false })]);

  return {
    subscribe: audience.subscribe,
    async announce(event) {
      audience.tell(event);
      // Not waited for: the connection keeps the order, and `close` lets it end.
      const word = JSON.stringify({ type: "longhaul/event", event, from: self });
      publisher.publish(channel, word).catch(() => undefined);
    },
    async close() {
      isOpen = false;
      await Promise.all([closeRedis(publisher), closeRedis(subscriber)]);
    },
  };
}

function gather(): Pick<Bus, "subscribe"> & { tell: (event: Event) => void } {
  const listeners = new Set<{ hear: (event: Event) => void }>();
  return {
    tell(event) {
      for (const { hear } of listeners) hear(event);
    },
    subscribe(hear) {
      const listener = { hear };
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

function isEventWord(word: unknown): word is { event: Event; from?: string } {
  return (word as { type?: unknown } | null)?.type === "longhaul/event";
}

function parse(message: string): unknown {
  try {
    return JSON.parse(message);
  } catch {
    return undefined; // Not ours.
  }
}
