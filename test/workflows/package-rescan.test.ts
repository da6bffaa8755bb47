import { randomUUID } from "node:crypto";
import type { Client } from "@temporalio/client";
import { expect, test } from "vitest";
import { QUEUES } from "../../domain/queues.ts";
import { packageRescan } from "../../workflows/packages/index.ts";
import { badContent, fakePackages } from "../support/fakes/package-activities.ts";
import { withWorkers } from "../support/temporal.ts";

const ALL = Object.values(QUEUES);
const target = (versionId: string) => ({
  packageId: "p",
  versionId,
  title: `Demo ${versionId}`,
  type: "zip" as const,
  objects: [],
});

const run = (client: Client, args: [string[]?] = []) =>
  client.workflow.execute(packageRescan, {
    taskQueue: QUEUES.orchestrator,
    workflowId: randomUUID(),
    args,
  });

test("scans until nothing is left, and goes on when one cannot be scanned", async () => {
  const scanned: string[] = [];
  const asked: string[][] = [];
  const { activities } = fakePackages({
    async findRescans({ after, limit }) {
      asked.push(after);
      const all = Array.from({ length: limit + 1 }, (_, i) => `${i}`);
      return all
        .filter((id) => !scanned.includes(id) && !after.includes(id))
        .slice(0, limit)
        .map(target);
    },
    async rescanVersion({ versionId }) {
      if (versionId === "7") throw badContent("the scanner is broken");
      scanned.push(versionId);
      return versionId === "3" ? ["Eicar"] : [];
    },
  });

  const count = await withWorkers(ALL, activities, ({ client }) => run(client));

  expect(count).toBe(50);
  expect(scanned).toHaveLength(50);
  expect(asked).toEqual([[], ["7"]]);
});

test("scans what it is told to, whatever has seen it", async () => {
  const { activities, happened } = fakePackages();

  const count = await withWorkers(ALL, activities, ({ client }) => run(client, [["v"]]));

  expect(count).toBe(1);
  expect(happened).toEqual(["rescanVersion"]);
});
