import { createReadStream, createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createHash } from "node:crypto";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Context } from "@temporalio/activity";
import { packageKeys } from "../../../domain/packages.ts";
import { StepFailure } from "../attempt.ts";
import type { Artefact, StepOrder } from "../contract.ts";
import type { PackageTools } from "../tools.ts";

/** What a step works with: its order, its scratch folder and its log. */
export interface StepWork extends StepOrder {
  /** How often this step has been begun in its run: workers that do it twice have different turns. */
  turn: number;
  /** The version's name. */
  version: string;
  /** How long a tool of this step may run. */
  timeoutSeconds: number;
  tools: PackageTools;
  signal: AbortSignal;
  directory: string;
  say: (line: string) => void;
}

/** Brings the step's input into the scratch folder and proves that it is whole. Answers its path. */
export async function fetchInput(work: StepWork): Promise<string> {
  const { tools, input, directory, type, signal } = work;
  const object = await tools.objects.open(input.key);
  if (!object) throw inputFailure(work, "is not in the store");
  try {
    const path = `${directory}/input.${type}`;
    const hash = createHash("sha256");
    const hashing = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        done(null, chunk);
      },
    });
    await pipeline(await object.read(), hashing, createWriteStream(path), { signal });
    if (hash.digest("hex") !== input.sha256) {
      throw inputFailure(work, "was damaged on its way from the store");
    }
    return path;
  } finally {
    await object.close();
  }
}

/** An input that cannot be used. What an earlier run left nobody will bring back: the run fails, and says what to do. */
export function inputFailure({ isKept }: StepWork, what: string): StepFailure {
  if (!isKept) return new StepFailure("broken", `The step's input ${what}.`);
  const advice = "Run again from an earlier step, or without from_step.";
  return new StepFailure("content", `What an earlier run left ${what}. ${advice}`);
}

/** Keeps a file as the step's output. What earlier turns left unfinished is removed. */
export async function keepOutput(
  { tools, packageId, runId, step, turn, signal }: StepWork,
  path: string,
): Promise<Artefact> {
  const key = packageKeys.step(packageId, runId, step, turn);
  const bytes = await stat(path).then(
    (facts) => facts.size,
    () => 0,
  );
  if (bytes === 0) {
    throw new StepFailure("broken", "The tool ended well but left no output.", 0);
  }
  await tools.objects.discardUnfinished(packageKeys.stepFolder(packageId, runId, step));
  const written = await tools.objects.put(key, createReadStream(path), { signal });
  return { key, ...written };
}

/** Runs a tool of this step within its time limit; its lines go to the log. Answers the exit code and last lines. */
export async function runTool(
  { tools, timeoutSeconds, directory, signal, say }: StepWork,
  command: string,
  args: readonly string[],
  more: { env?: Record<string, string>; readable?: readonly string[] } = {},
): Promise<{ exitCode: number; lines: string[] }> {
  const lines: string[] = [];
  say(`$ ${[command, ...args].join(" ")}`.replaceAll(directory, "."));
  const end = await tools.shell.run({
    command,
    args,
    directory,
    timeoutMs: timeoutSeconds * 1000,
    signal,
    killAfterMs: MERCY_MS,
    ...more,
    onLine(line) {
      if (lines.push(line) > KEPT_LINES) lines.splice(0, lines.length - KEPT_LINES);
      say(line);
    },
  });
  if (end.ended === "cancelled") await Context.current().cancelled;
  const name = command.split("/").at(-1)!;
  if (end.ended === "timed-out") {
    const limit = `${timeoutSeconds} seconds`;
    throw new StepFailure("broken", `${name} did not end within ${limit} and was stopped.`);
  }
  if (end.exitCode === null) {
    throw new StepFailure("broken", `${name} was ended by ${end.signal ?? "a signal"}.`);
  }
  say(`${name} ended with exit code ${end.exitCode} after ${end.durationMs} ms`);
  return { exitCode: end.exitCode, lines };
}

/** A run that is cancelled has ended five seconds later, however stubborn its tools are. */
const MERCY_MS = 2_000;
const KEPT_LINES = 5_000;

/** The sentence for a tool that ended with an exit code other than 0. */
export function toolFailure(
  kind: StepFailure["kind"],
  command: string,
  { exitCode, lines }: { exitCode: number; lines: string[] },
): StepFailure {
  const last = lines.findLast((line) => line.trim() !== "") ?? "it said nothing";
  return new StepFailure(kind, `${command} ended with exit code ${exitCode}: ${last}`, exitCode);
}

/** What another build worker had when it planned the step, this one must have too. */
export function configured<T>(setting: T | undefined, variable: string): T {
  if (setting !== undefined) return setting;
  const reason = `A build worker has no ${variable}. Give it to every build worker, then retry.`;
  throw new StepFailure("broken", reason);
}
