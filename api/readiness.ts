import type { Client } from "@temporalio/client";
import type { Redis } from "ioredis";
import { QUEUES } from "../domain/queues.ts";
import { checkDatabase, databaseWarnings, type Database } from "../models/database.ts";
import { apkBuilderExists, recentWorkers } from "../models/operations.ts";
import { pendingMigrations } from "../models/schema.ts";
import type { ObjectStore } from "../platform/objects/index.ts";
import type { Readiness } from "./services.ts";

const PATIENCE_MS = 3_000;
const REUSED_MS = 200;

interface Parts {
  database: Database;
  objects: ObjectStore;
  temporal: Client;
  redis?: Pick<Redis, "ping"> | undefined;
}

/** How the platform is now, for any number of askers: it is looked at a few times a second at most. */
export function watchReadiness(parts: Parts): () => Promise<Readiness> {
  let seen: Promise<Readiness> | undefined;
  return () => {
    if (seen) return seen;
    const looking = look(parts);
    const forget = () => setTimeout(() => (seen = undefined), REUSED_MS).unref();
    looking.then(forget, forget);
    return (seen = looking);
  };
}

/** Asks everything the platform cannot do without whether it is there; all at once, each for a few seconds at most. */
async function look({ database, objects, temporal, redis }: Parts): Promise<Readiness> {
  const [databaseIs, schemaIs, objectsIs, temporalIs, workersIs, redisIs] = await Promise.all([
    probe("the database does not answer", () => checkDatabase(database)),
    probe("the database does not answer", () => findMissingTables(database)),
    probe("the object store cannot be used", () => objects.check()),
    probe("Temporal does not answer", () => findMissingNamespace(temporal)),
    probe("the database does not answer", findUnservedQueues),
    probe("Redis does not answer", async () => void (await redis?.ping())),
  ]);
  const checks = {
    database: databaseIs,
    schema: schemaIs,
    objects: objectsIs,
    temporal: temporalIs,
    workers: workersIs,
  };
  const ready = Object.values(checks).every(({ ok }) => ok);
  const warnings = databaseIs.ok && schemaIs.ok ? await findWarnings(database) : [];
  return { ready, checks, warnings: redisIs.ok ? warnings : [WITHOUT_REDIS, ...warnings] };
}

const WITHOUT_REDIS =
  "Redis does not answer: limits count per process, and news between processes comes late.";

/** `ask` answers what is wrong, or nothing; when it throws or takes too long, it is `silence`. */
async function probe(
  silence: string,
  ask: () => Promise<string | undefined | void>,
): Promise<{ ok: boolean; detail?: string }> {
  const late = new Promise<string>((resolve) => {
    setTimeout(() => resolve(silence), PATIENCE_MS).unref();
  });
  const fault = await Promise.race([ask(), late]).catch(() => silence);
  return fault ? { ok: false, detail: fault } : { ok: true };
}

async function findMissingTables(database: Database): Promise<string | undefined> {
  const pending = await pendingMigrations(database);
  return pending.length > 0 ? "migrations are pending: npm run migrate" : undefined;
}

/** gRPC status code. */
const NOT_FOUND = 5;

async function findMissingNamespace(temporal: Client): Promise<string | undefined> {
  const { namespace } = temporal.options;
  try {
    await temporal.withDeadline(Date.now() + PATIENCE_MS, () =>
      temporal.workflowService.describeNamespace({ namespace }),
    );
    return undefined;
  } catch (error) {
    if ((error as { code?: number }).code !== NOT_FOUND) throw error;
    return `Temporal has no namespace ${namespace}: npm run migrate`;
  }
}

async function findUnservedQueues(): Promise<string | undefined> {
  const served = new Set((await recentWorkers()).flatMap(({ queues }) => queues));
  const missing = Object.values(QUEUES).filter((queue) => !served.has(queue));
  return missing.length > 0 ? `no worker serves ${missing.join(", ")}` : undefined;
}

async function findWarnings(database: Database): Promise<string[]> {
  const workers = await recentWorkers();
  const warnings = workers
    .flatMap((worker) => worker.warnings)
    .concat(await databaseWarnings(database));
  const nobody = workers.length > 0 && !(await apkBuilderExists());
  const apk = "APKs cannot be processed: no worker has the Android tools and a key to sign with.";
  return [...new Set(nobody && warnings.length === 0 ? [...warnings, apk] : warnings)];
}
