import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { BadConfiguration } from "../platform/env.ts";
import { claimFolder, endStrays } from "../platform/process-table.ts";
import { type ChildEnd, type Part, startChild, type Surroundings } from "./child.ts";
import {
  EXIT_CONFIGURATION,
  keepAlive,
  type Keeper,
  PartMisconfigured,
  type Pauses,
} from "./keeper.ts";
import { hearSignals } from "./signals.ts";

/** What a person hears of the platform while it runs. */
export interface Witness {
  onEnd: (part: string, end: ChildEnd, pauseMs: number) => void;
  onBack: (part: string) => void;
  onWarning: (part: string, words: string) => void;
  onStopping: () => void;
  onForcing: () => void;
  /** The platform cannot go on; the error says why. */
  onFault: (error: unknown) => void;
}

/** A part that ends by itself. */
export type Task = Omit<Part, "ready" | "turn">;

/** What the start of a platform is told with. */
export interface Stage {
  /** Starts a part and keeps it alive from now on; resolves when it serves. */
  start(part: Part): Promise<void>;
  /** Runs a part that ends by itself and answers its last message; throws when it ends badly. */
  run(part: Task): Promise<unknown>;
  /** Aborted when the platform is told to stop. */
  signal: AbortSignal;
}

/** A platform: where its folder is, and how it comes up. */
export interface Supervision {
  dataFolder: string;
  witness: Witness;
  /** Tells how the platform comes up; it is up when this resolves. */
  story: (stage: Stage) => Promise<void>;
  pauses?: Pauses;
}

/** Another supervisor works in this data folder. */
export class FolderInUse extends Error {
  override readonly name = "FolderInUse";
  readonly folder: string;
  readonly heldBy: number;

  constructor(folder: string, heldBy: number) {
    super(`process ${heldBy} works in ${folder}`);
    this.folder = folder;
    this.heldBy = heldBy;
  }
}

/**
 * Brings a platform up and keeps it up until a signal or a fault ends it; answers the exit code.
 * Nothing of an earlier platform in the same folder is left when it begins, nothing of its own when it ends.
 */
export async function supervise(supervision: Supervision): Promise<number> {
  const { dataFolder, witness } = supervision;
  const wishes = hearSignals();
  const runFolder = join(dataFolder, "run");
  await mkdir(dataFolder, { recursive: true, mode: 0o700 });
  const claim = await claimFolder(runFolder, "supervisor");
  if ("heldBy" in claim) {
    witness.onFault(new FolderInUse(dataFolder, claim.heldBy));
    return 1;
  }
  await endAllStrays(runFolder);

  const stopping = new AbortController();
  const ends: End[] = [];
  const fault = await Promise.race([
    wishes.toStop,
    perform(supervision, { runFolder, ends, signal: stopping.signal }),
  ]).then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  if (fault) witness.onFault(fault.error);
  else witness.onStopping();
  stopping.abort();

  const forced = await Promise.race([
    endInOrder(ends).then(() => false),
    wishes.toForce.then(() => true),
  ]);
  if (forced) {
    witness.onForcing();
    await Promise.all(ends.map(({ end }) => end(0)));
  }
  await endAllStrays(runFolder);
  await claim.release();
  if (fault) return isMisconfigured(fault.error) ? EXIT_CONFIGURATION : 1;
  return forced ? 1 : 0;
}

function isMisconfigured(error: unknown): boolean {
  return error instanceof PartMisconfigured || error instanceof BadConfiguration;
}

/** How to end one child for good, in its own time or within `graceMs`, and when it is its turn. */
interface End {
  turn: number;
  end: (graceMs?: number) => Promise<unknown>;
}

interface Play {
  runFolder: string;
  ends: End[];
  signal: AbortSignal;
}

/** Never resolves: a platform ends by a wish, or by a fault, which rejects. */
function perform(
  { dataFolder, witness, story, pauses }: Supervision,
  { runFolder, ends, signal }: Play,
): Promise<never> {
  return new Promise((_, onFault) => {
    const keepers: Keeper[] = [];
    const surroundings: Surroundings = {
      runFolder,
      logFolder: join(dataFolder, "logs"),
      onWarning: witness.onWarning,
      onMessage(from, message) {
        if ((message as { type?: unknown } | null)?.type !== "longhaul/event") return;
        for (const keeper of keepers) if (keeper.name !== from) keeper.send(message);
      },
    };
    const stage: Stage = {
      signal,
      start(part) {
        signal.throwIfAborted();
        const happenings = { ...witness, onMisconfigured: onFault };
        const keeper = keepAlive(part, surroundings, happenings, pauses);
        keepers.push(keeper);
        ends.push({ turn: part.turn, end: (graceMs) => keeper.end(graceMs) });
        return keeper.ready;
      },
      async run(part) {
        signal.throwIfAborted();
        let last: unknown;
        const onMessage = (_: string, message: unknown) => void (last = message);
        const child = startChild({ ...part, ready: "says so" }, { ...surroundings, onMessage });
        ends.push({ turn: 0, end: (graceMs = part.graceMs) => child.end(graceMs) });
        assertEndedWell(part.name, await child.ended);
        return last;
      },
    };
    story(stage).catch((error: unknown) => {
      if (!signal.aborted) onFault(error);
    });
  });
}

function assertEndedWell(name: string, { code, signal, lastLines }: ChildEnd): void {
  const words = lastLines.join("\n");
  if (code === EXIT_CONFIGURATION) throw new PartMisconfigured(words);
  if (code !== 0) throw new Error(`${name} ended with ${code ?? signal}:\n${words}`);
}

async function endInOrder(ends: readonly End[]): Promise<void> {
  for (const { end } of ends.toSorted((one, other) => one.turn - other.turn)) await end();
}

/** Ending one may make orphans of those that it had started: look again until there are none. */
async function endAllStrays(runFolder: string): Promise<void> {
  while ((await endStrays(runFolder)).length > 0);
}
