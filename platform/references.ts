import { readFileSync } from "node:fs";
import { isAbsolute } from "node:path";
import { z } from "zod";
import { HARDENER, type References } from "../domain/pipelines.ts";
import { BadConfiguration, type Env } from "./env.ts";
import type { Keys } from "./keys.ts";

const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/);
const Given = z.strictObject({
  secrets: z.record(name, z.string().min(1)).default({}),
  files: z.record(name, z.string().refine(isAbsolute, "must be an absolute path")).default({}),
  values: z.record(name, z.string()).default({}),
});

/** What pipelines may refer to: the keys that sign, and what the file `PIPELINE_SECRETS` holds. */
export function readReferences(
  { PIPELINE_SECRETS: path }: Pick<Env, "PIPELINE_SECRETS">,
  { signing }: Pick<Keys, "signing">,
): References {
  const { secrets, files, values } = path ? readGiven(path) : Given.parse({});
  if (!signing) return { secrets, files, values };
  return {
    secrets: { "signing-password": signing.password, ...secrets },
    files: { "signing-keystore": signing.keystore, ...files },
    values: { "signing-alias": signing.alias, ...values },
  };
}

/** The names of all references as pipelines spell them, with the configured hardening tool if there is one. */
export function referenceNames(
  { secrets, files, values }: References,
  { HARDEN_COMMAND }: Pick<Env, "HARDEN_COMMAND">,
): string[] {
  return [
    ...Object.keys(secrets).map((one) => `secret:${one}`),
    ...Object.keys(files).map((one) => `file:${one}`),
    ...Object.keys(values).map((one) => `value:${one}`),
    ...(HARDEN_COMMAND ? [HARDENER] : []),
  ];
}

/** Faults name places in the file, never what stands there. */
function readGiven(path: string): z.output<typeof Given> {
  let given: unknown;
  try {
    given = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "it is no JSON";
    throw new BadConfiguration([`PIPELINE_SECRETS: the file cannot be read (${code})`]);
  }
  const parsed = Given.safeParse(given);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path: at, message }) => `${at.join(".")} ${message}`);
  throw new BadConfiguration(faults.map((fault) => `PIPELINE_SECRETS: ${fault}`));
}
