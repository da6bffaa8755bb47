/** The three ways to ask for tests: everything, what needs no service, the long sweeps. */
export type Tier = "full" | "fast" | "long";

/** One line of the verdict. */
export interface Part {
  name: string;
  /** A check passes or fails as one test. Anything else is vitest's: these projects, and of them these files. */
  check?: readonly string[];
  projects?: readonly string[];
  files?: readonly string[];
}

const script = (name: string) => ["npm", "run", "--silent", name];

const CHECKS: readonly Part[] = [
  { name: "format", check: script("format:check") },
  { name: "lint", check: script("lint") },
  { name: "types", check: script("types") },
  { name: "dead code", check: script("dead") },
  {
    name: ".env.example",
    check: ["node", "--import", "tsx", "scripts/env-example.ts", "--check"],
  },
];

const FAST: readonly Part[] = [
  ...CHECKS,
  { name: "architecture", projects: ["fast"], files: ["test/architecture"] },
  { name: "domain", projects: ["fast"], files: ["test/domain"] },
  { name: "platform", projects: ["fast"], files: ["test/platform"] },
  { name: "models on SQLite", projects: ["fast"], files: ["test/models"] },
  { name: "activities", projects: ["fast"], files: ["test/activities"] },
  { name: "API", projects: ["fast"], files: ["test/api"] },
  { name: "workflow bundle", projects: ["replay"], files: ["test/replay/bundle.test.ts"] },
  { name: "replay of histories", projects: ["replay"], files: ["test/replay/replay.test.ts"] },
];

const ON_SERVICES: readonly Part[] = [
  { name: "models on MariaDB", projects: ["models@mariadb"] },
  { name: "objects on S3", projects: ["objects@s3"] },
  { name: "delivery by nginx", projects: ["delivery@nginx"] },
  { name: "bus and limiter on Redis", projects: ["bus+limiter@redis"] },
  { name: "workflows", projects: ["workflows"] },
  { name: "timers", projects: ["timers"] },
  { name: "end to end", projects: ["e2e"] },
  { name: "chaos", projects: ["chaos"] },
];

/** What each way runs, in this order. */
export const PARTS: Readonly<Record<Tier, readonly Part[]>> = {
  fast: FAST,
  full: [...FAST, ...ON_SERVICES],
  long: [{ name: "long sweeps", projects: ["long"] }],
};
