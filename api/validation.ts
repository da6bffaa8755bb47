import { z } from "zod";
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
  issues.push(...nulsIn(given, place));
  const { success, data, error } = schema.safeParse(given);
  if (success) return data;
  issues.push(...error.issues.flatMap((fault) => describe(fault, given, place)));
  return undefined;
}

/** A whole number as a query has it: digits. Nothing, blanks and other ways to write a number are none. */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER) {
  const digits = (given: unknown) =>
    typeof given === "string" && !/^-?\d+$/.test(given) ? Number.NaN : given;
  return z.preprocess(digits, z.coerce.number().int().min(least).max(most));
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

/** What holds NUL: nobody means it, and to SQLite a statement ends there. */
function nulsIn(given: unknown, place: Place): Issue[] {
  const parts = typeof given === "object" && given !== null ? Object.entries(given) : [];
  return parts
    .filter(([, part]) => holdsNul(part))
    .map(([path]) => ({ path, in: place, message: "must not hold NUL" }));
}

/** No recursion: a body may be deep. */
function holdsNul(given: unknown): boolean {
  if (typeof given === "string") return given.includes("\0");
  const left = [given];
  while (left.length > 0) {
    const part = left.pop();
    if (typeof part === "string" && part.includes("\0")) return true;
    if (typeof part !== "object" || part === null) continue;
    for (const inner of Object.values(part)) left.push(inner);
  }
  return false;
}
