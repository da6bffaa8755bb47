import { VARIABLE_NAMES } from "../../../platform/env.ts";

/** What names programs of this machine, not the product's own servers, stays known to tests. */
const KEPT = new Set(["LONGHAUL_CACHE", "TEMPORAL_CLI"]);

/** `source` without what would lead a test to a developer's own database, store or Temporal server. */
export function withoutProductVariables(source: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = new Set<string>(VARIABLE_NAMES);
  return Object.fromEntries(
    Object.entries(source).filter(([name]) => {
      if (KEPT.has(name)) return true;
      return !names.has(name.replace(/_FILE$/, "")) && !name.startsWith("TEMPORAL_");
    }),
  );
}
