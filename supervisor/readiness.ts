import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";

const Answer = z.object({
  checks: z.record(z.string(), z.object({ ok: z.boolean(), detail: z.string().optional() })),
  warnings: z.array(z.string()),
});

/** What `/ready` knows beside its yes. */
export type Readiness = z.output<typeof Answer>;

/** Asks `/ready` until it says yes; `say` hears what is missing meanwhile. */
export async function askReadiness(
  url: string,
  signal: AbortSignal,
  say: (missing: string) => void,
): Promise<Readiness> {
  for (;;) {
    const { yes, answer } = await ask(url, signal);
    if (yes && answer) return answer;
    const missing = Object.entries(answer?.checks ?? {}).filter(([, { ok }]) => !ok);
    say(missing.map(([name, { detail }]) => detail ?? name).join(", "));
    await wait(100, undefined, { signal });
  }
}

async function ask(url: string, signal: AbortSignal) {
  const response = await fetch(url, { signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    // The API may be starting again: that is said elsewhere.
    if (error instanceof TypeError) return undefined;
    throw error;
  });
  const answer = Answer.safeParse(await response?.json().catch(() => undefined));
  return { yes: response?.ok ?? false, answer: answer.data };
}
