import { createPackageActivities } from "./packages/index.ts";
import type { PackageTools } from "./packages/tools.ts";

/** Hands each domain the tools it asks for. */
export function createActivities(tools: PackageTools) {
  return { ...createPackageActivities(tools) };
}
