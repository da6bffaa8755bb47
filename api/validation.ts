import type { z } from "zod";
import { type Issue, refusal } from "../domain/errors.ts";

/** What is said of a thing that should be there. */
export const MISSING = "is missing";

type Place = NonNullable<Issue["in"]>;

/** Checks one part of a request against what was declared for it. All that is wrong is added to `issues`. */
export function check(
  schema: z.ZodType | undefined,
  given: unknown,
  place: Place,
  issues: Issue[],
): unknown {
  if (!schema) return {};
  const { success, data, error } = schema.safeParse(given);
  if (success) return data;
  issues.push(...error.issues.flatMap((fault) => describe(fault, given, place)));
  return undefined;
}

/** The refusal of a request with faults: all of them. */
export function invalid(issues: Issue[]): Error {
  return refusal("request/invalid", "The request is invalid.", { issues });
}

function describe(fault: z.core.$ZodIssue, given: unknown, place: Place): Issue[] {
  const at = (path: PropertyKey[], message: string) => ({
    path: path.map(String).join("."),
    in: place,
    message,
  });
  if (fault.code === "unrecognized_keys") {
    return fault.keys.map((key) => at([...fault.path, key], "is not known here"));
  }
  return [at(fault.path, valueAt(given, fault.path) === undefined ? MISSING : fault.message)];
}

function valueAt(given: unknown, path: PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key],
    given,
  );
}
