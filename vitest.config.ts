import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { prepareEnvironment } from "./test/support/services/environment.ts";

prepareEnvironment();

const SECOND_MS = 1000;

interface Tier {
  name: string;
  include: string[];
  exclude?: string[];
  /** What is provided before the first test: files of test/support/services. */
  needs?: string[];
  timeoutSeconds?: number;
  /** Test files have the modules of their process in common: they keep no state, and take longer to load than to test. */
  shareModules?: boolean;
  /** Test files run one after another: they share queues, or the whole machine. */
  oneAfterAnother?: boolean;
}

const ON_S3 = "test/{api,platform}/**/*-s3.test.ts";
const ON_NGINX = "test/api/**/*-nginx.test.ts";
const ON_REDIS = "test/platform/**/*-redis.test.ts";
const EVERY_SERVER = ["mariadb", "redis", "s3", "temporal", "programs"];

/** Which tests run with what; scripts/test-parts.ts says in which order. */
const TIERS: Tier[] = [
  {
    name: "fast",
    include: ["domain", "models", "platform", "activities", "api", "cli", "architecture"].map(
      (folder) => `test/${folder}/**/*.test.ts`,
    ),
    exclude: [ON_S3, ON_REDIS, ON_NGINX],
    shareModules: true,
  },
  { name: "replay", include: ["test/replay/**/*.test.ts"], needs: ["bundle"] },
  {
    name: "models@mariadb",
    include: ["test/models/**/*.test.ts"],
    needs: ["mariadb"],
    shareModules: true,
  },
  { name: "objects@s3", include: [ON_S3], needs: ["s3"] },
  { name: "delivery@nginx", include: [ON_NGINX], needs: ["nginx"] },
  { name: "bus+limiter@redis", include: [ON_REDIS], needs: ["redis"] },
  {
    name: "workflows",
    include: ["test/workflows/**/*.test.ts"],
    needs: ["temporal", "bundle"],
    oneAfterAnother: true,
  },
  {
    name: "timers",
    include: ["test/timers/**/*.test.ts"],
    needs: ["time-skipping", "bundle"],
    oneAfterAnother: true,
  },
  ...["e2e", "chaos", "long"].map((name) => ({
    name,
    include: [`test/${name}/**/*.test.ts`],
    needs: EVERY_SERVER,
    timeoutSeconds: name === "long" ? 1800 : 300,
    oneAfterAnother: true,
  })),
];

export default defineConfig({
  test: {
    projects: TIERS.map((tier, index) => ({
      test: {
        name: tier.name,
        include: tier.include,
        exclude: tier.exclude ?? [],
        globalSetup: ["tables", ...(tier.needs ?? [])].map(
          (service) => `test/support/services/${service}.ts`,
        ),
        // Loading the SDK takes half a second a file: only where its workers run.
        setupFiles: tier.needs?.includes("bundle") ? ["test/support/quiet-temporal.ts"] : [],
        testTimeout: (tier.timeoutSeconds ?? 120) * SECOND_MS,
        hookTimeout: (tier.timeoutSeconds ?? 120) * SECOND_MS,
        expect: { poll: { timeout: 20 * SECOND_MS } },
        pool: "forks" as const,
        isolate: !tier.shareModules,
        // Vitest leaves one core free, which is half of a small machine; most tests wait more than they compute.
        maxWorkers: tier.oneAfterAnother ? 1 : availableParallelism(),
        // Tiers that run side by side with different numbers of workers are refused.
        sequence: { groupOrder: index },
      },
    })),
  },
});
