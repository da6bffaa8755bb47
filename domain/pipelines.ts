import type { Issue } from "./errors.ts";
import type { PackageType } from "./packages.ts";

/** What a step does to a package; all but `check` change its bytes. */
export const STEP_KINDS = ["change", "harden", "align", "sign", "check"] as const;
export type StepKind = (typeof STEP_KINDS)[number];

/** What the end of a tool means. `finding`: the version is held until a person has looked at it. */
export const EXIT_MEANINGS = ["ok", "finding", "bad-content", "broken"] as const;
export type ExitMeaning = (typeof EXIT_MEANINGS)[number];

/** One step: a program with its arguments, which no shell ever sees. */
export interface PipelineStep {
  /** Unique in its pipeline, as in logs and object keys. */
  name: string;
  kind: StepKind;
  /** The program and its arguments, with placeholders (`PLACEHOLDERS`). */
  command: string[];
  timeoutSeconds: number;
  /** How often it is tried before a person is asked, and the first pause between, which doubles. */
  retry: { tries: number; pauseSeconds: number };
  /** By exit code; what is not named is `broken`. */
  exitCodes: Record<string, ExitMeaning>;
  /** The programs that a worker must have. */
  tools: string[];
  /** What the tool finds in its environment, in clear or by reference. */
  env: Record<string, string | { secret: string }>;
  /** Facts about the version, each the first group of a pattern in a line that the tool says. */
  captures: { fact: string; pattern: string }[];
  /** A reference without which the step is passed over. */
  when?: string | undefined;
}

/** What makes the published form out of an original, between `metadata`, `scan` and `checksums`. */
export interface Pipeline {
  description: string;
  /** The types of packages that may choose it. */
  types: PackageType[];
  steps: PipelineStep[];
}

/** What workers are configured with for pipelines: secrets and values themselves, files by their paths. */
export interface References {
  secrets: Readonly<Record<string, string>>;
  files: Readonly<Record<string, string>>;
  values: Readonly<Record<string, string>>;
}

/** The time limit of a malware scan. */
export const SCAN_SECONDS = 3600;

/** The frame around every pipeline's steps, with time limits. It is no part of them: nobody edits the gate away. */
export const FRAME_SECONDS: Readonly<Record<string, number>> = {
  metadata: 600,
  scan: SCAN_SECONDS,
  checksums: 3600,
};

/** The command that `HARDEN_COMMAND` configures, as a whole word; its own placeholders are filled too. */
export const HARDENER = "hardener";

/** Every placeholder of a command, and what stands in its place. */
export const PLACEHOLDERS = {
  input: "path of the file that the step before has left",
  output: "path under which the step leaves its file",
  workdir: "path of the step's own folder",
  version: "the version's name",
  [HARDENER]: "the words of HARDEN_COMMAND",
  "file:NAME": "path of a file that workers are configured with",
  "secret-file:NAME": "path of a file that holds a secret, for tools that take no other way",
  "value:NAME": "a value that workers are configured with",
} as const;

const NAME = /^[a-z][a-z0-9-]{0,19}$/;
const PIPELINE_NAME = /^[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?$/;
const VARIABLE = /^[A-Z][A-Z0-9_]{0,63}$/;
/** What every tool is given, and what would change which program runs. */
const OWN_VARIABLES = /^(?:PATH|HOME|TMPDIR|LANG|TZ|LD_.*|LONGHAUL_.*|NODE_OPTIONS)$/;
const SHELLS = /(?:^|\/)(?:sh|bash|dash|ash|zsh|ksh|fish|csh|tcsh|busybox|env)$/;
const PLACEHOLDER = /\{([^{}]*)\}/g;
const REFERENCE = /^(?:file|secret-file|value):([a-z0-9][a-z0-9-]{0,63})$/;
const CONDITION = /^(?:secret|file|value):[a-z0-9][a-z0-9-]{0,63}$/;
/** A group that is repeated may take for ever on a line made for it. */
const SLOW_PATTERN = /\)[*+?{]|\\[1-9k]/;

/** What is wrong with a pipeline's name. */
export function pipelineNameIssues(name: string): Issue[] {
  const message = "must have 1–50 lower-case letters, digits or -, with no - at its ends";
  return PIPELINE_NAME.test(name) ? [] : [{ path: "name", message }];
}

/** The names of all steps of a build by this pipeline, in their order. */
export function stepNames({ steps }: Pick<Pipeline, "steps">): string[] {
  return ["metadata", "scan", ...steps.map(({ name }) => name), "checksums"];
}

/** All placeholders in a word, as they stand between their braces. */
export function placeholdersIn(word: string): string[] {
  return [...word.matchAll(PLACEHOLDER)].map(([, inside]) => inside!);
}

/** Fills a word's placeholders. */
export function fillWord(word: string, fill: (placeholder: string) => string): string {
  return word.replaceAll(PLACEHOLDER, (_, inside: string) => fill(inside));
}

/** What a step needs a worker to be configured with: `secret:NAME`, `file:NAME`, `value:NAME` or `hardener`. */
export function referencesOf({ command, env, when }: PipelineStep): string[] {
  const words = command.flatMap(placeholdersIn).flatMap((inside) => {
    if (inside === HARDENER) return [HARDENER];
    if (!REFERENCE.test(inside)) return [];
    return [inside.replace(/^secret-file:/, "secret:")];
  });
  const secrets = Object.values(env).flatMap((value) =>
    typeof value === "string" ? [] : [`secret:${value.secret}`],
  );
  return [...new Set([...words, ...secrets, ...(when ? [when] : [])])];
}

/** What a worker must have for this pipeline: programs, and references that are not optional. */
export function needsOf({ steps }: Pick<Pipeline, "steps">): {
  tools: string[];
  references: string[];
} {
  const always = steps.filter(({ when }) => when === undefined);
  return {
    tools: [...new Set(always.flatMap(({ tools }) => tools))],
    references: [...new Set(always.flatMap(referencesOf))],
  };
}

/** Everything that is wrong with a pipeline; `known` are the references that some worker is configured with. */
export function pipelineIssues({ steps, types }: Pipeline, known: readonly string[]): Issue[] {
  const issues: Issue[] = [];
  const at = (index: number, part: string) => `steps.${index}${part && `.${part}`}`;
  if (types.length === 0) issues.push({ path: "types", message: "must name at least one type" });
  const names = steps.map(({ name }) => name);
  for (const [index, step] of steps.entries()) {
    const own = [...nameIssues(step, names, index), ...commandIssues(step), ...rest(step, known)];
    issues.push(...own.map(({ path, message }) => ({ path: at(index, path), message })));
    issues.push(...orderIssues(steps, index).map((message) => ({ path: at(index, ""), message })));
  }
  return issues;
}

function nameIssues({ name }: PipelineStep, names: string[], index: number): Issue[] {
  const issue = (message: string) => [{ path: "name", message }];
  if (!NAME.test(name)) {
    return issue("must have 1–20 lower-case letters, digits or -, and begin with a letter");
  }
  if (["metadata", "scan", "checksums", "switch", "purge", "check"].includes(name)) {
    return issue("is the name of a step that every run has");
  }
  return names.indexOf(name) === index ? [] : issue("is another step's name too");
}

function commandIssues({ kind, command }: PipelineStep): Issue[] {
  const issue = (message: string) => ({ path: "command", message });
  const issues: Issue[] = [];
  const [program = "", ...args] = command;
  const isHardener = program === `{${HARDENER}}`;
  if (!isHardener && (program === "" || placeholdersIn(program).length > 0)) {
    issues.push(issue("must begin with a program's name or path"));
  }
  if (SHELLS.test(program)) issues.push(issue("must name the program itself: no shell runs it"));
  if (!isHardener && program.includes("/") && !program.startsWith("/")) {
    issues.push(issue("must name its program by a name on PATH or an absolute path"));
  }
  if (isHardener && args.length > 0) issues.push(issue(`must have nothing after {${HARDENER}}`));
  for (const inside of command.flatMap(placeholdersIn)) {
    const isKnown = inside === HARDENER ? isHardener : Object.hasOwn(PLACEHOLDERS, inside);
    if (isKnown && !inside.includes("NAME")) continue;
    if (!REFERENCE.test(inside)) issues.push(issue(`has an unknown placeholder {${inside}}`));
  }
  if (isHardener) return issues;
  const says = (placeholder: string) => args.some((word) => word.includes(`{${placeholder}}`));
  if (!says("input")) issues.push(issue("must name {input}"));
  if (kind !== "check" && !says("output")) {
    issues.push(issue("must name {output}, for it changes the package"));
  }
  if (kind === "check" && says("output")) {
    issues.push(issue("must not name {output}, for a check changes nothing"));
  }
  return issues;
}

function rest(step: PipelineStep, known: readonly string[]): Issue[] {
  const { captures, env, exitCodes, when } = step;
  const unknown = referencesOf(step)
    .filter((reference) => reference !== when && !known.includes(reference))
    .map((reference) => {
      const advice = "Configure a build worker with it, then save again";
      return { path: "command", message: `refers to ${reference}, which no worker has. ${advice}` };
    });
  const codes = Object.keys(exitCodes).filter(
    (code) => !/^(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])$/.test(code),
  );
  const isCondition = when === undefined || when === HARDENER || CONDITION.test(when);
  const condition = `must be ${HARDENER}, secret:NAME, file:NAME or value:NAME`;
  return [
    ...unknown,
    ...(isCondition ? [] : [{ path: "when", message: condition }]),
    ...codes.map((code) => ({ path: "exit_codes", message: `${code} is no exit code` })),
    ...(Object.values(exitCodes).includes("ok")
      ? []
      : [{ path: "exit_codes", message: "must say which exit code is ok" }]),
    ...Object.keys(env)
      .filter((name) => !VARIABLE.test(name) || OWN_VARIABLES.test(name))
      .map((name) => ({ path: "env", message: `${name} cannot be given to a tool` })),
    ...captures.flatMap(({ pattern }, index) => {
      const message = patternFault(pattern);
      return message ? [{ path: `captures.${index}.pattern`, message }] : [];
    }),
  ];
}

function patternFault(pattern: string): string | undefined {
  if (SLOW_PATTERN.test(pattern)) return "must neither repeat a group nor refer to one";
  try {
    const groups = new RegExp(`${pattern}|`).exec("")!.length - 1;
    return groups === 1 ? undefined : "must have one group: what is kept";
  } catch {
    return "is no regular expression";
  }
}

/** Sign last of all that change bytes, align before sign, and only checks after. */
function orderIssues(steps: readonly PipelineStep[], index: number): string[] {
  const { kind, name } = steps[index]!;
  const signedBy = steps.slice(0, index).find((step) => step.kind === "sign");
  if (!signedBy || kind === "check") return [];
  if (kind === "sign") return [`${name} would sign what ${signedBy.name} has signed already`];
  if (kind === "align")
    return [`must stand before ${signedBy.name}: aligning breaks the signature`];
  return [`must stand before ${signedBy.name}: it changes bytes that are signed`];
}
