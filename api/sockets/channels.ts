import { setImmediate as breath } from "node:timers/promises";
import type { Logger } from "pino";
import type { TaskKind } from "../../domain/feeds.ts";
import type { Database } from "../../models/database.ts";
import {
  type FeedRow,
  type FeedState,
  FRAMES_PAGE,
  framesAfter,
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
   * and from then on everything, in order and once. Calls `greet` before: whoever was greeted misses nothing, or hears
   * where all stands anew.
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
    async follow(accountId, follower, { since, greet }) {
      let news = await newsAfter(database, accountId, since);
      greet?.();
      follower.seq = since ?? 0;
      if (news.state) tellState(follower, news.state, since);
      for (;;) {
        await giveAll(follower, news.rows);
        const hasAll = news.rows && news.rows.length < FRAMES_PAGE;
        if (follower.isGone || (hasAll && join(accountId, follower))) return;
        news = await newsAfter(database, accountId, follower.seq);
        if (news.state) tellState(follower, news.state, follower.seq);
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

/** What came after a place; where all stands when nobody knows that any more, or no place is given. */
type News = { rows: FeedRow[]; state?: never } | { state: FeedState; rows?: never };

async function newsAfter(
  database: Database,
  accountId: string,
  seq: number | undefined,
): Promise<News> {
  const rows = seq === undefined ? undefined : await framesAfter(database, accountId, seq);
  return rows ? { rows } : { state: await stateOf(database, accountId) };
}

/** Tells where all stands, in place of what came after `since` and is not kept. */
function tellState(follower: Follower, { seq, frames }: FeedState, since?: number): void {
  if (since !== undefined) {
    const why = "What came after this number is not kept any more: this is how things stand.";
    follower.tell(reply("resync", 0, { since, message: why }));
  }
  follower.seq = 0;
  for (const row of frames) give(follower, new Frame(row));
  follower.seq = seq;
}

async function giveAll(follower: Follower, rows: readonly FeedRow[] = []): Promise<void> {
  for (const row of rows) {
    if (follower.isGone) return;
    give(follower, new Frame(row));
    if (follower.waitingBytes > WAITING_BYTES) await follower.drained();
  }
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
        const { rows, state } = await newsAfter(this.#database, this.#accountId, this.seq);
        if (state) this.#resync(state);
        if (rows?.length === FRAMES_PAGE) this.#grew = true;
        await this.#tellAll(rows ?? []);
      }
    } finally {
      // In the same breath as the last look at `#grew`: no word can fall in between.
      this.#reading = false;
    }
  }

  #resync(state: FeedState): void {
    for (const follower of this.followers) {
      if (follower.seq < state.seq) tellState(follower, state, follower.seq);
    }
    this.seq = state.seq;
    // What came since that was read.
    this.#grew = true;
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
