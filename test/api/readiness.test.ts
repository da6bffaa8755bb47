import type { Client } from "@temporalio/client";
import { describe, expect, test } from "vitest";
import { watchReadiness } from "../../api/readiness.ts";
import { QUEUES } from "../../domain/queues.ts";
import { openDatabase } from "../../models/database.ts";
import { MODELS } from "../../models/index.ts";
import { apkBuilderExists, dismissWorker, reportWorker } from "../../models/operations.ts";
import { openTestDatabase } from "../support/database.ts";

const WORKER = { id: "here", queues: Object.values(QUEUES), buildsApks: true, warnings: [] };
const GONE = () => Promise.reject(new Error("connect ECONNREFUSED"));

/** Temporal, as far as a probe looks. */
function temporal(describeNamespace: () => Promise<unknown>): Client {
  const withDeadline = (_: number, body: () => unknown) => body();
  const options = { namespace: "longhaul" };
  return { options, withDeadline, workflowService: { describeNamespace } } as never;
}

async function parts() {
  const database = await openTestDatabase();
  await reportWorker(database, WORKER);
  const checked: string[] = [];
  const objects = { check: async () => void checked.push("objects") } as never;
  return { database, objects, temporal: temporal(async () => ({})), checked };
}

describe("the platform", () => {
  test("is ready when everything answers and every queue is served", async () => {
    const readiness = await watchReadiness(await parts())();

    expect(readiness).toMatchObject({ ready: true, warnings: [] });
  });

  test("names the queues that no worker serves", async () => {
    const { database, ...others } = await parts();
    await reportWorker(database, { ...WORKER, queues: ["orchestrator"] });

    const { ready, checks } = await watchReadiness({ database, ...others })();

    expect(ready).toBe(false);
    expect(checks["workers"]).toEqual({
      ok: false,
      detail: "no worker serves io, build, download, outbound",
    });
  });

  test("does not count a worker that has stopped, but remembers what it could do", async () => {
    const given = await parts();

    await dismissWorker(given.database, WORKER.id);

    const { checks } = await watchReadiness(given)();
    expect(checks["workers"]).toMatchObject({ ok: false });
    expect(await apkBuilderExists()).toBe(WORKER.buildsApks);
  });

  test("blames neither migrations nor workers when the database is away", async () => {
    const given = await parts();
    const url = "mysql://nobody@127.0.0.1:9/nothing";
    const database = await openDatabase({ url, define: MODELS });

    const { checks } = await watchReadiness({ ...given, database })();

    const detail = "the database does not answer";
    expect(checks).toMatchObject({ database: { detail }, schema: { detail }, workers: { detail } });
  });

  test("tells a namespace that is missing from a Temporal that does not answer", async () => {
    const given = await parts();
    const missing = () => Promise.reject(Object.assign(new Error("no"), { code: 5 }));

    const away = await watchReadiness({ ...given, temporal: temporal(GONE) })();
    const empty = await watchReadiness({ ...given, temporal: temporal(missing) })();

    expect(away.checks["temporal"]?.detail).toBe("Temporal does not answer");
    expect(empty.checks["temporal"]?.detail).toContain("no namespace longhaul");
  });

  test("works on without Redis, and says so", async () => {
    const given = await parts();

    const { ready, warnings } = await watchReadiness({ ...given, redis: { ping: GONE } })();

    expect(ready).toBe(true);
    expect(warnings).toEqual([expect.stringContaining("Redis does not answer")]);
  });

  test("is looked at once for all who ask at the same time", async () => {
    const { checked, ...given } = await parts();
    const readiness = watchReadiness(given);

    await Promise.all(Array.from({ length: 20 }, () => readiness()));

    expect(checked).toEqual(["objects"]);
  });
});
