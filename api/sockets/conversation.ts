import { LIMITS } from "../../domain/limits.ts";
import { ENDINGS } from "./connections.ts";
import { type Frame, reply } from "./frames.ts";
import type { FeedSocket } from "./socket.ts";

/** What a client of `/ws` may say, and what it hears of it (the contract of renders §2.13). */
const ANSWERS: Readonly<
  Record<string, (said: Record<string, unknown>) => [event: string, data: object] | undefined>
> = {
  ping: ({ timestamp = null }) => ["pong", { timestamp }],
  subscribe: (said) => acknowledged("subscribed", "Subscribed to", said),
  unsubscribe: (said) => acknowledged("unsubscribed", "Unsubscribed from", said),
};

/** Everybody hears of all that is theirs: what they name is acknowledged, and nothing is left out. */
function acknowledged(event: string, words: string, { task_id: task }: Record<string, unknown>) {
  if (typeof task !== "string" && typeof task !== "number") return undefined;
  return [event, { task_id: task, message: `${words} task ${task}` }] as [string, object];
}

/** The answer to a message; undefined when there is none. Whatever it is, it is answered and no more. */
function answerTo(text: string, seq: number): Frame | undefined {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    return reply("error", seq, { message: "Invalid JSON format" });
  }
  if (typeof said !== "object" || said === null || Array.isArray(said)) {
    return reply("error", seq, { message: "Failed to process message" });
  }
  const { event, data, ...rest } = said as Record<string, unknown>;
  const answer = typeof event === "string" && Object.hasOwn(ANSWERS, event) && ANSWERS[event];
  if (!answer) {
    const name = String(event).slice(0, 100);
    return reply("error", seq, { message: `Unknown event type: ${name}` });
  }
  // Clients of the contract send the fields under `data` or beside `event`.
  const fields = typeof data === "object" && data !== null ? { ...rest, ...data } : rest;
  const [name, body] = answer(fields) ?? [];
  return name && body ? reply(name, seq, body) : undefined;
}

/** Answers what a client says, and ends what says too much. */
export function converse(socket: FeedSocket): (message: Buffer) => void {
  let [second, said] = [0, 0];
  return (message) => {
    socket.lives();
    const now = Math.floor(performance.now() / 1000);
    [second, said] = now === second ? [second, said + 1] : [now, 1];
    if (said > LIMITS.feedMessagesPerSecond) return socket.end(ENDINGS.tooMuchSaid);
    const answer = answerTo(message.toString(), socket.seq);
    if (answer) socket.hear(answer);
  };
}
