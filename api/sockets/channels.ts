import { setImmediate as breath } from "node:timers/promises";
import type { Logger } from "pino";
import type { TaskKind } from "../../domain/feeds.ts";
import type { Database } from "../../models/database.ts";
import {
  type FeedRow,
  FRAMES_PAGE,
  framesAfter,
  isKept,
  lastSeqs,
  stateOf,
} from "../../models/feeds/index.ts";
import type { Bus } from "../../platform/bus.ts";
import { Frame, reply } from "./frames.ts";

/** Without a word over the bus, feeds that are followed are looked at this often. */
const LOOK_MS = 2_000;
/** Accounts that are asked for in one question. */
const LOOK_AT = 500;
/** While somebody catches up, so much may wait for them before the next frames are read. */
const WAITING_BYTES = 256 * 1024;

/** Somebody who follows a feed. */
export interface Follower {
  /** The number of the last frame that it was given, or has no need of. */
  seq: number;
  /** What it may hear of; of everything when not given. */
  readonly kinds?: ReadonlySet<TaskKind> | undefined;
  readonly isGone: boolean;
  readonly waitingBytes: number;
  /** Sends a frame. */
  tell(frame: Frame): void;
  /** Sends a frame, or goes when too much waits already. */
  hear(frame: Frame): void;
  /** Settles when what waits has become little, or the follower is gone. */
  drained(): Promise<void>;
}

/** The feeds that this process has followers of. */
export interface Channels {
  /**
   * Tells a follower what came after `since`, or where all stands when nobody knows that any more or it is not given,
   * and from then on everything, in order and once. Calls `greet` before: whoever was greeted misses nothing.
   */
  follow(
    accountId: string,
    follower: Follower,
    from: { since?: number | undefined; greet?: () => void },
  ): Promise<void>;
  leave(accountId: string, follower: Follower): void;
  close(): void;
}

/** Reads each followed feed once for all who follow it here, whenever it has grown. */
export function openChannels({
  database,
  bus,
  log,
}: {
  database: Database;
  bus: Bus;
  log: Logger;
}): Channels {
  const channels = new Map<string, Channel>();
  const unsubscribe = bus.subscribe((event) => {
    if (event.type === "feed.grew") channels.get(event.data.accountId)?.wake();
  });
  const failed = (error: unknown) => log.warn({ err: error }, "a feed cannot be read");
  const looking = setInterval(() => void look(channels).catch(failed), LOOK_MS);

  const join = (accountId: string, follower: Follower): boolean => {
    const channel =
      channels.get(accountId) ?? new Channel(database, accountId, follower.seq, failed);
    // The others were told more meanwhile than this one has read.
    if (channel.seq > follower.seq) return false;
    channels.set(accountId, channel);
    channel.followers.add(follower);
    channel.wake();
    return true;
  };

  return {
    async follow(accountId, follower, from) {
      await begin(database, accountId, follower, from);
      while (!follower.isGone) {
        const rows = await framesAfter(database, accountId, follower.seq);
        for (const row of rows) {
          if (follower.isGone) return;
          give(follower, new Frame(row));
          if (follower.waitingBytes > WAITING_BYTES) await follower.drained();
        }
        if (follower.isGone || (rows.length < FRAMES_PAGE && join(accountId, follower))) return;
      }
    },
    leave(accountId, follower) {
      const channel = channels.get(accountId);
      if (channel?.followers.delete(follower) && channel.followers.size === 0) {
        channels.delete(accountId);
      }
    },
    close() {
      clearInterval(looking);
      unsubscribe();
      channels.clear();
    },
  };
}

/** Brings a follower to a place from which frames can be read. */
async function begin(
  database: Database,
  accountId: string,
  follower: Follower,
  { since, greet }: { since?: number | undefined; greet?: () => void },
): Promise<void> {
  const goesOn = since !== undefined && (await isKept(accountId, since));
  const state = goesOn ? undefined : await stateOf(database, accountId);
  greet?.();
  if (!state) {
    follower.seq = since!;
    return;
  }
  if (since !== undefined) {
    const why = "What came after this number is not kept any more: this is how things stand.";
    follower.tell(reply("resync", 0, { since, message: why }));
  }
  follower.seq = 0;
  for (const row of state.frames) give(follower, new Frame(row));
  follower.seq = state.seq;
}

function give(follower: Follower, frame: Frame): void {
  if (frame.seq <= follower.seq) return;
  follower.seq = frame.seq;
  if (mayHear(follower, frame)) follower.tell(frame);
}

/** Whether a follower is told of a frame: notices are for people, who may hear of all. */
function mayHear({ kinds }: Pick<Follower, "kinds">, { kind }: Frame): boolean {
  return kinds === undefined || (kind !== null && kinds.has(kind));
}

/** One feed with all who follow it here and have caught up with it. */
class Channel {
  readonly followers = new Set<Follower>();
  seq: number;
  readonly #database: Database;
  readonly #accountId: string;
  readonly #failed: (error: unknown) => void;
  #reading = false;
  #grew = false;

  constructor(
    database: Database,
    accountId: string,
    seq: number,
    failed: (error: unknown) => void,
  ) {
    this.#database = database;
    this.#accountId = accountId;
    this.seq = seq;
    this.#failed = failed;
  }

  /** Reads what there is; what grows meanwhile is read too. */
  wake(): void {
    this.#grew = true;
    if (this.#reading) return;
    this.#reading = true;
    this.#read().catch(this.#failed);
  }

  async #read(): Promise<void> {
    try {
      while (this.#grew && this.followers.size > 0) {
        this.#grew = false;
        const rows = await framesAfter(this.#database, this.#accountId, this.seq);
        if (rows.length === FRAMES_PAGE) this.#grew = true;
        await this.#tellAll(rows);
      }
    } finally {
      // In the same breath as the last look at `#grew`: no word can fall in between.
      this.#reading = false;
    }
  }

  /** Whoever reads has a breath to do so: those alone are too slow who have not read what was told long before. */
  async #tellAll(rows: readonly FeedRow[]): Promise<void> {
    let toldBytes = 0;
    for (const row of rows) {
      this.#tell(new Frame(row));
      toldBytes += row.body.length;
      if (toldBytes < WAITING_BYTES) continue;
      toldBytes = 0;
      await breath();
    }
  }

  #tell(frame: Frame): void {
    this.seq = frame.seq;
    for (const follower of this.followers) {
      // Who joined last may have read further already.
      if (frame.seq <= follower.seq) continue;
      follower.seq = frame.seq;
      if (follower.kinds === undefined || mayHear(follower, frame)) follower.hear(frame);
    }
  }
}

/** Wakes the feeds that have grown without a word of it. */
async function look(channels: ReadonlyMap<string, Channel>): Promise<void> {
  const accountIds = [...channels.keys()];
  for (let start = 0; start < accountIds.length; start += LOOK_AT) {
    const seqs = await lastSeqs(accountIds.slice(start, start + LOOK_AT));
    for (const [accountId, seq] of seqs) {
      const channel = channels.get(accountId);
      if (channel && channel.seq < seq) channel.wake();
    }
  }
}
