import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, isAbsolute } from "node:path";
import {
  type ExitMeaning,
  fillWord,
  HARDENER,
  placeholdersIn,
  type PipelineStep,
} from "../../../domain/pipelines.ts";
import { inTransaction } from "../../../models/database.ts";
import { addFacts } from "../../../models/packages/index.ts";
import { StepFailure } from "../attempt.ts";
import type { Artefact } from "../contract.ts";
import type { PackageSettings } from "../tools.ts";
import { reportFindings } from "./findings.ts";
import { configured, fetchInput, keepOutput, runTool, type StepWork, toolFailure } from "./work.ts";

/** A step's command with everything in its place, as this worker would run it. */
interface Filled {
  words: string[];
  env: Record<string, string>;
  readable: string[];
}

/** Runs one step of a pipeline: its program sees its input, leaves its output, and ends with a code that means something. */
export async function runCommand(work: StepWork, step: PipelineStep): Promise<Artefact> {
  const output = `${work.directory}/${step.name}.${work.type}`;
  const { words, env, readable } = await fill(work, step, output);
  const [command, ...args] = words as [string, ...string[]];
  const end = await runTool(work, command, args, { env, readable });
  const program = command.split("/").at(-1)!;
  const meaning: ExitMeaning = step.exitCodes[end.exitCode] ?? "broken";
  if (meaning === "broken") throw toolFailure("broken", program, end);
  if (meaning === "bad-content") throw toolFailure("content", program, end);
  if (meaning === "finding") {
    const { message: detail } = toolFailure("finding", program, end);
    const scanner = { scanner: `Step ${step.name}`, signatures: null, exitCode: end.exitCode };
    await reportFindings(work, scanner, [{ name: step.name, detail: detail.slice(0, 500) }]);
  }
  await keepFacts(work, step, end.lines);
  return step.kind === "check" ? work.input : keepOutput(work, output);
}

async function fill(work: StepWork, step: PipelineStep, output: string): Promise<Filled> {
  const { settings } = work.tools;
  const readable: string[] = [];
  const secretFiles = new Map<string, string>();
  const input = await fetchInput(work);
  const places: Record<string, string> = {
    input,
    output,
    workdir: work.directory,
    version: work.version,
  };
  const place = (inside: string): string => {
    if (Object.hasOwn(places, inside)) return places[inside]!;
    const [kind, name] = inside.split(":") as [string, string];
    if (kind === "value") return lookUp(settings, "values", name);
    if (kind === "secret-file") {
      secretFiles.set(name, lookUp(settings, "secrets", name));
      return `${work.directory}/.${name}`;
    }
    const path = lookUp(settings, "files", name);
    readable.push(path);
    return path;
  };
  const words = wordsOf(step, settings).map((word) => fillWord(word, place));
  for (const [name, secret] of secretFiles) {
    await writeFile(`${work.directory}/.${name}`, secret, { mode: 0o600 });
  }
  if (step.command[0] === `{${HARDENER}}`) readable.push(...namedIn(words, work.directory));
  const env = Object.entries(step.env).map(([name, value]) => [
    name,
    typeof value === "string" ? value : lookUp(settings, "secrets", value.secret),
  ]);
  return { words, env: Object.fromEntries(env) as Record<string, string>, readable };
}

/** The command before its placeholders are filled. Braces of the configured one that name no place stay as they are. */
function wordsOf({ command }: PipelineStep, { hardenCommand }: PackageSettings): readonly string[] {
  if (!command.some((word) => placeholdersIn(word).includes(HARDENER))) return command;
  return configured(hardenCommand, "HARDEN_COMMAND");
}

/** The configured tool may need what lies beside it; of its arguments it needs the files that are named. */
function namedIn([command = "", ...args]: readonly string[], directory: string): string[] {
  return [
    ...(isAbsolute(command) ? [dirname(command)] : []),
    ...args.filter((word) => isAbsolute(word) && existsSync(word)),
  ].filter((path) => !path.startsWith(directory));
}

function lookUp(
  { references }: PackageSettings,
  kind: keyof PackageSettings["references"],
  name: string,
): string {
  const found = references[kind][name];
  if (found !== undefined) return found;
  const one = kind.slice(0, -1);
  const advice = `Give it to every build worker in PIPELINE_SECRETS, then retry.`;
  throw new StepFailure("broken", `A build worker has no ${one} ${name}. ${advice}`);
}

async function keepFacts(
  { tools, versionId }: StepWork,
  { captures }: PipelineStep,
  lines: readonly string[],
): Promise<void> {
  if (captures.length === 0) return;
  const facts = captures.map(({ fact, pattern }) => {
    const expression = new RegExp(pattern);
    const found = lines.map((line) => expression.exec(line)?.[1]);
    return [fact, found.find((one) => one !== undefined) ?? null];
  });
  const kept = Object.fromEntries(facts) as Record<string, unknown>;
  await inTransaction(tools.database, (transaction) => addFacts(versionId, kept, transaction));
}
