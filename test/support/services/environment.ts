import { homedir } from "node:os";
import { join } from "node:path";
import { VARIABLE_NAMES } from "../../../platform/env.ts";

/** What names programs of this machine, not the product's own servers, stays known to tests. */
const KEPT = new Set(["PATH", "LONGHAUL_CACHE", "TEMPORAL_CLI"]);

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

/** Makes the environment of this process, and so of everything it starts, fit for tests. */
export function prepareEnvironment(): void {
  const kept = withoutProductVariables(process.env);
  for (const name of Object.keys(process.env)) if (!(name in kept)) delete process.env[name];
  // Node 20 is supported on purpose; to be told so by every process would hide what matters.
  process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true";
}

/** The folder of programs that were fetched once. */
export function cacheFolder(): string {
  return process.env["LONGHAUL_CACHE"] || join(homedir(), ".cache/longhaul");
}
