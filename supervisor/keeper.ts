import { setTimeout as wait } from "node:timers/promises";
import { type Child, type ChildEnd, type Part, startChild, type Surroundings } from "./child.ts";

/** sysexits.h EX_CONFIG: the part said that a restart would not help. */
export const EXIT_CONFIGURATION = 78;

/** Keeps one part alive: starts it again, with growing pauses, until it is told to end. */
export interface Keeper {
  readonly name: string;
  /** Resolves when the part serves for the first time. */
  readonly ready: Promise<void>;
  send(message: unknown): void;
  /** Ends the part for good; resolves when nothing of it is left. With `graceMs` 0 at once. */
  end(graceMs?: number): Promise<void>;
}

/** A part ended with 78; the message is its last words. */
export class PartMisconfigured extends Error {
  override readonly name = "PartMisconfigured";
}

/** What a keeper tells while it works. */
export interface Happenings {
  onEnd: (part: string, end: ChildEnd, pauseMs: number) => void;
  onBack: (part: string) => void;
  onMisconfigured: (fault: PartMisconfigured) => void;
}

/** How long a keeper pauses before it starts a part again. */
export interface Pauses {
  firstMs: number;
  longestMs: number;
  /** After so long a life the pauses begin anew. */
  healthyMs: number;
}

const PAUSES: Pauses = { firstMs: 250, longestMs: 15_000, healthyMs: 60_000 };

/** Starts a part and keeps it alive. */
export function keepAlive(
  part: Part,
  surroundings: Surroundings,
  { onEnd, onBack, onMisconfigured }: Happenings,
  pauses: Pauses = PAUSES,
): Keeper {
  const ending = new AbortController();
  let child: Child | undefined;
  let serves = () => {};
  const ready = new Promise<void>((resolve) => (serves = resolve));

  async function live(): Promise<void> {
    let pauseMs = pauses.firstMs;
    let saysServing = serves;
    while (!ending.signal.aborted) {
      const started = performance.now();
      child = startChild(part, surroundings);
      child.serving.then(saysServing, () => {});
      const end = await child.ended;
      child = undefined;
      if (ending.signal.aborted) return;
      if (end.code === EXIT_CONFIGURATION) {
        return onMisconfigured(new PartMisconfigured(end.lastLines.join("\n")));
      }
      if (performance.now() - started > pauses.healthyMs) pauseMs = pauses.firstMs;
      onEnd(part.name, end, pauseMs);
      await wait(pauseMs, undefined, { signal: ending.signal }).catch(() => {});
      pauseMs = Math.min(pauseMs * 2, pauses.longestMs);
      saysServing = () => {
        serves();
        onBack(part.name);
      };
    }
  }

  const life = live();
  return {
    name: part.name,
    ready,
    send: (message) => child?.send(message),
    async end(graceMs = part.graceMs) {
      ending.abort();
      await child?.end(graceMs);
      await life;
    },
  };
}
