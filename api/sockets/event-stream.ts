import { Readable } from "node:stream";
import type { Actor } from "../../domain/accounts.ts";
import type { TaskKind } from "../../domain/feeds.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { Follower } from "./channels.ts";
import { type Connection, type Ending, ENDINGS, FAREWELL_MS } from "./connections.ts";
import { type Frame, reply } from "./frames.ts";

/** How long a client waits before it connects again. */
const RETRY_MS = 2_000;

/** A text/event-stream that follows a feed: what browsers' EventSource and curl read. */
export class EventStream extends Readable implements Connection, Follower {
  seq = 0;
  isGone = false;
  ending: Ending | undefined;
  readonly actor: Connection["actor"];
  readonly kinds: ReadonlySet<TaskKind> | undefined;
  #read: (() => void) | undefined;

  constructor({ accountId, sessionId, keyId }: Actor, kinds?: ReadonlySet<TaskKind>) {
    super({ encoding: "utf8" });
    this.actor = { accountId, ...(sessionId && { sessionId }), ...(keyId && { keyId }) };
    this.kinds = kinds;
    this.once("close", () => {
      this.isGone = true;
      this.#read?.();
    });
  }

  /** Says that from now on everything is told. */
  greet(): void {
    if (!this.isGone) this.push(`retry: ${RETRY_MS}\n\n`);
  }

  get waitingBytes(): number {
    return this.readableLength;
  }

  override _read(): void {
    this.#read?.();
  }

  tell(frame: Frame): void {
    if (!this.isGone) this.push(frame.lines);
  }

  hear(frame: Frame): void {
    this.tell(frame);
    if (this.readableLength > LIMITS.feedWaitingBytes) this.end(ENDINGS.tooSlow);
  }

  async drained(): Promise<void> {
    if (this.isGone || this.readableLength < this.readableHighWaterMark) return;
    await new Promise<void>((resolve) => (this.#read = resolve));
  }

  beat(): void {
    if (!this.isGone) this.push(": still here\n\n");
  }

  /** Says why, as the last event, since a stream has no close code. */
  end(ending: Ending): void {
    if (this.isGone) return;
    this.ending = ending;
    this.push(reply("closed", this.seq, ending).lines);
    this.isGone = true;
    this.push(null);
    // Who does not read does not hear that either.
    setTimeout(() => this.destroy(), FAREWELL_MS).unref();
  }
}
