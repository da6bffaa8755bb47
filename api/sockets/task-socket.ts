import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import type { Actor, Permission } from "../../domain/accounts.ts";
import type { FeedTask } from "../../models/feeds/index.ts";
import { OVERSEEING } from "../policies/feeds.ts";
import { type Frame, packetOf } from "./frames.ts";
import { FeedSocket } from "./socket.ts";
import { isOver, note, shapeOf, type TaskSeen } from "./task-shape.ts";

const DONE = { code: 1000, words: "The task is over." };

/** A socket that follows one task, in the shape of contract V23; it is closed when the task is over. */
export class TaskSocket extends FeedSocket {
  readonly needs: Permission | undefined;
  readonly #task: FeedTask;
  readonly #stream: Duplex;
  readonly #seen: TaskSeen = {};

  constructor(socket: WebSocket, stream: Duplex, actor: Actor, task: FeedTask) {
    super(socket, stream, actor);
    this.#task = task;
    this.needs = task.accountId === actor.accountId ? undefined : OVERSEEING;
    this.#stream = stream;
    // What comes later has a higher number than both.
    this.seq = Math.max(task.statusSeq, task.progressSeq ?? 0);
  }

  /** Tells where the task stands now, also when it is over already. */
  begin(): void {
    const { statusEvent, statusBody, progressBody } = this.#task;
    note(this.#seen, { event: statusEvent, body: statusBody });
    if (progressBody) note(this.#seen, { event: "task:progress", body: progressBody });
    this.#show();
  }

  override tell(frame: Frame): void {
    if (frame.task === this.#task.id && note(this.#seen, frame)) this.#show();
  }

  #show(): void {
    if (this.isGone || this.socket.readyState !== this.socket.OPEN) return;
    this.#stream.write(packetOf(JSON.stringify(shapeOf(this.#seen))));
    if (isOver(this.#seen)) this.end(DONE);
  }
}
