import type { Duplex } from "node:stream";
import { WebSocket } from "ws";
import type { Actor } from "../../domain/accounts.ts";
import type { TaskKind } from "../../domain/feeds.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { Follower } from "./channels.ts";
import { type Connection, type Ending, ENDINGS, FAREWELL_MS } from "./connections.ts";
import type { Frame } from "./frames.ts";

/** A socket that follows a feed. */
export class FeedSocket implements Connection, Follower {
  seq = 0;
  isGone = false;
  /** The account whose feed it follows. */
  feedOf = "";
  readonly actor: Connection["actor"];
  readonly kinds: ReadonlySet<TaskKind> | undefined;
  protected readonly socket: WebSocket;
  readonly #stream: Duplex;
  #answered = true;
  #ending: Ending | undefined;

  /** `stream` is what `socket` speaks over: whole frames are written to it, past their making anew for each client. */
  constructor(socket: WebSocket, stream: Duplex, actor: Actor, kinds?: ReadonlySet<TaskKind>) {
    this.socket = socket;
    this.#stream = stream;
    // Kept for as long as the socket: no more of it than is needed.
    const { accountId, sessionId, keyId } = actor;
    this.actor = { accountId, ...(sessionId && { sessionId }), ...(keyId && { keyId }) };
    this.kinds = kinds;
    socket.on("pong", () => this.lives());
    // What is wrong with a frame closes the socket with its code; there is nothing to add.
    socket.on("error", () => undefined);
  }

  get waitingBytes(): number {
    return this.#stream.writableLength;
  }

  /** Why the platform ended it; undefined when it was not the platform. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  tell(frame: Frame): void {
    // Nothing is compressed, so nothing is on its way through `socket` that this could fall into.
    if (this.socket.readyState === WebSocket.OPEN) this.#stream.write(frame.packet);
  }

  hear(frame: Frame): void {
    this.tell(frame);
    if (this.#stream.writableLength > LIMITS.feedWaitingBytes) this.end(ENDINGS.tooSlow);
  }

  async drained(): Promise<void> {
    if (this.isGone || !this.#stream.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      const settle = () => {
        this.#stream.off("drain", settle).off("close", settle);
        resolve();
      };
      this.#stream.on("drain", settle).on("close", settle);
    });
  }

  /** Notes that the other end has said something. */
  lives(): void {
    this.#answered = true;
  }

  beat(): void {
    if (!this.#answered) return this.socket.terminate();
    this.#answered = false;
    this.socket.ping();
  }

  end(ending: Ending): void {
    if (this.#ending) return;
    this.#ending = ending;
    this.isGone = true;
    this.socket.close(ending.code, ending.words);
    // Who does not read does not hear that either.
    setTimeout(() => this.socket.terminate(), FAREWELL_MS).unref();
  }
}
