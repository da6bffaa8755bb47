import { z } from "zod";
import { LIMITS } from "../../domain/limits.ts";
import { PACKAGE_TYPES } from "../../domain/packages.ts";
import {
  EXIT_MEANINGS,
  type Pipeline as Definition,
  pipelineNameIssues,
  STEP_KINDS,
} from "../../domain/pipelines.ts";
import type { PipelineVersion } from "../../models/pipelines.ts";
import { wholeNumber } from "../validation.ts";

const Name = z.string().superRefine((name, context) => {
  for (const { message } of pipelineNameIssues(name)) context.addIssue(message);
});
const Word = z.string().min(1).max(LIMITS.commandWordCharacters);
const Tool = z.string().regex(/^(?:[\w.+-]{1,100}|\/[\w./+-]{1,250})$/, "must name a program");

const Step = z.strictObject({
  name: z.string().max(100),
  kind: z.enum(STEP_KINDS),
  /** The program and its arguments, with placeholders; no shell ever sees them. */
  command: z.array(Word).min(1).max(LIMITS.commandWords),
  timeout_seconds: z.number().int().min(1).max(LIMITS.stepSeconds),
  /** The pause doubles with each try; then a person is asked. */
  retry: z
    .strictObject({
      tries: z.number().int().min(1).max(LIMITS.stepTries),
      pause_seconds: z.number().int().min(1).max(LIMITS.stepPauseSeconds),
    })
    .default({ tries: 3, pause_seconds: 1 }),
  /** By exit code; what is not named is `broken`. */
  exit_codes: z.record(z.string(), z.enum(EXIT_MEANINGS)).default({ "0": "ok" }),
  /** The programs that a worker must have. */
  tools: z.array(Tool).max(LIMITS.pipelineSteps),
  env: z
    .record(z.string().max(64), z.union([Word, z.strictObject({ secret: z.string().max(64) })]))
    .default({}),
  /** Facts about the version: the first group of a pattern in a line that the tool says. */
  captures: z
    .array(
      z.strictObject({
        fact: z.string().regex(/^[a-z][a-z0-9_]{0,39}$/, "must be a name in snake_case"),
        pattern: z.string().min(1).max(LIMITS.patternCharacters),
      }),
    )
    .max(LIMITS.pipelineSteps)
    .default([]),
  /** A reference without which the step is passed over. */
  when: z.string().max(80).optional(),
});

/** What is saved of a pipeline. */
export const Pipeline = z.strictObject({
  description: z.string().max(LIMITS.descriptionCharacters).default(""),
  types: z.array(z.enum(PACKAGE_TYPES)).max(PACKAGE_TYPES.length),
  steps: z.array(Step).max(LIMITS.pipelineSteps),
});
export const NewPipeline = Pipeline.extend({ name: Name });
export const PipelineName = z.strictObject({ name: Name });
export const PipelineQuestion = z.strictObject({
  version: wholeNumber(1).optional(),
});

export const PipelineOut = z.strictObject({
  name: z.string(),
  version: z.number().int(),
  description: z.string(),
  types: z.array(z.enum(PACKAGE_TYPES)),
  steps: z.array(Step),
  saved_by: z.string(),
  created_at: z.iso.datetime({ offset: true }),
});
export const PipelinesOut = z.strictObject({ items: z.array(PipelineOut) });
export const PipelineRemoved = z.strictObject({ name: z.string(), status: z.literal("removed") });

/** A pipeline as the domain knows it. */
export function readPipeline({ description, types, steps }: z.output<typeof Pipeline>): Definition {
  return {
    description,
    types,
    steps: steps.map(({ timeout_seconds, retry, exit_codes, ...step }) => ({
      ...step,
      timeoutSeconds: timeout_seconds,
      retry: { tries: retry.tries, pauseSeconds: retry.pause_seconds },
      exitCodes: exit_codes,
    })),
  };
}

export function presentPipeline(row: PipelineVersion): z.input<typeof PipelineOut> {
  const { description, types, steps } = row.definition;
  return {
    name: row.name,
    version: row.version,
    description,
    types,
    steps: steps.map(({ timeoutSeconds, retry, exitCodes, ...step }) => ({
      ...step,
      timeout_seconds: timeoutSeconds,
      retry: { tries: retry.tries, pause_seconds: retry.pauseSeconds },
      exit_codes: exitCodes,
    })),
    saved_by: row.savedBy,
    created_at: row.createdAt.toISOString(),
  };
}
