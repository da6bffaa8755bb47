import { setTimeout as sleep } from "node:timers/promises";
import { digestOf } from "./packages.ts";

/** What a client saw of a link that it fetched again and again. */
export interface LinkSeen {
  /** The digests of all whole answers, in the order in which they came. */
  digests: string[];
  /** Answers that said that nothing is there. */
  absent: number;
  /** How often nobody answered, or the connection ended before the answer did. */
  unanswered: number;
  /** Answers that may never be: a mix of versions, half of one, another status. Each with its reason. */
  wrong: string[];
}

/** Leaves the machine to the platform. */
const PAUSE_MS = 15;

/** Fetches a link again and again until `stop` is called. */
export function watchLink(url: string): { stop(): Promise<LinkSeen> } {
  const seen: LinkSeen = { digests: [], absent: 0, unanswered: 0, wrong: [] };
  const over = new AbortController();
  const watching = (async () => {
    for (; !over.signal.aborted; await sleep(PAUSE_MS)) await look(url, seen);
  })();
  return {
    async stop() {
      over.abort();
      await watching;
      return seen;
    },
  };
}

/** Fetches a link once and notes what came. */
export async function look(url: string, seen: LinkSeen): Promise<void> {
  const answer = await fetch(url).catch(() => undefined);
  const bytes = await answer?.arrayBuffer().then(
    (buffer) => new Uint8Array(buffer),
    () => undefined,
  );
  if (!answer || !bytes) {
    seen.unanswered++;
    return;
  }
  if (answer.status !== 200) {
    if (answer.status === 404 && seen.digests.length === 0) seen.absent++;
    else seen.wrong.push(`status ${answer.status}`);
    return;
  }
  const digest = digestOf(bytes);
  const tag = answer.headers.get("etag");
  if (tag === `"${digest}"`) seen.digests.push(digest);
  else seen.wrong.push(`${bytes.length} bytes with digest ${digest} under the tag ${tag}`);
}
