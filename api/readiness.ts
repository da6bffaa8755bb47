import type { Client } from "@temporalio/client";
import { QUEUES } from "../domain/queues.ts";
import { checkDatabase, databaseWarnings, type Database } from "../models/database.ts";
import { apkBuilderExists, recentWorkers } from "../models/operations.ts";
import { pendingMigrations } from "../models/schema.ts";
import type { ObjectStore } from "../platform/objects/index.ts";
import type { Readiness } from "./services.ts";

const PATIENCE_MS = 3_000;

interface Parts {
  database: Database;
  objects: ObjectStore;
  temporal: Client;
}

/** Asks everything the platform cannot do without whether it is there; all at once, each for a few seconds at most. */
export async function checkReadiness({ database, objects, temporal }: Parts): Promise<Readiness> {
  const [databaseIs, schemaIs, objectsIs, temporalIs, workersIs] = await Promise.all([
    probe("the database does not answer", () => checkDatabase(database)),
    probe("migrations are pending: npm run migrate", async () => {
      const pending = await pendingMigrations(database);
      if (pending.length > 0) throw new Error(`${pending.length} migrations are pending`);
    }),
    probe("the object store cannot be used", () => objects.check()),
    probe("Temporal does not answer", () =>
      temporal.withDeadline(Date.now() + PATIENCE_MS, () =>
        temporal.workflowService.describeNamespace({ namespace: temporal.options.namespace }),
      ),
    ),
    probe("no worker serves every queue", checkWorkers),
  ]);
  const checks = {
    database: databaseIs,
    schema: schemaIs,
    objects: objectsIs,
    temporal: temporalIs,
    workers: workersIs,
  };
  const ready = Object.values(checks).every(({ ok }) => ok);
  return {
    ready,
    checks,
    warnings: databaseIs.ok && schemaIs.ok ? await findWarnings(database) : [],
  };
}

async function probe(
  fault: string,
  ask: () => Promise<unknown>,
): Promise<{ ok: boolean; detail?: string }> {
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error("it took too long")), PATIENCE_MS).unref();
  });
  try {
    await Promise.race([ask(), late]);
    return { ok: true };
  } catch {
    return { ok: false, detail: fault };
  }
}

async function checkWorkers(): Promise<void> {
  const served = new Set((await recentWorkers()).flatMap(({ queues }) => queues));
  const missing = Object.values(QUEUES).filter((queue) => !served.has(queue));
  if (missing.length > 0) throw new Error(`no worker serves ${missing.join(", ")}`);
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
