import { expect, test } from "vitest";
import { inTransaction } from "../../../models/database.ts";
import { moveRun, Package, removeSchedule, setSchedule } from "../../../models/packages/index.ts";
import { accept, failureOf, openBench } from "../../support/package-bench.ts";

const TERMS = { intervalSeconds: 3600, channel: "stable", isPaused: true };

async function openScheduled() {
  const bench = await openBench();
  const accepted = await accept(bench);
  const { packageId, asker } = accepted;
  const owner = await Package.findByPk(packageId, { rejectOnEmpty: true });
  await setSchedule(bench.database, owner, TERMS, asker);
  return { bench, owner, ...accepted };
}

test("Temporal is brought to what the row says, and keeps nothing when there is none", async () => {
  const { bench, owner, packageId, asker } = await openScheduled();
  const follow = () => bench.perform("followSchedule", { packageId });

  await follow();
  await follow();

  expect([...bench.scheduled.values()]).toMatchObject([
    {
      id: `package/${packageId}/tick`,
      everySeconds: 3600,
      isPaused: true,
      workflow: "packageTick",
      input: { packageId },
      subject: "1001",
    },
  ]);
  await removeSchedule(bench.database, owner, asker);
  await follow();
  expect(bench.scheduled.size).toBe(0);
});

test("a package that is removed takes its schedule along", async () => {
  const { bench, packageId } = await openScheduled();
  await bench.perform("followSchedule", { packageId });

  await bench.perform("forgetPackage", { packageId });

  expect(bench.scheduled.size).toBe(0);
});

test("a run is waited for until it has ended, without keeping a worker", async () => {
  const { bench, runId } = await openScheduled();

  expect(await failureOf(bench.perform("awaitRun", { runId }))).toMatchObject({
    message: "The run is queued.",
    nonRetryable: false,
  });
  await inTransaction(bench.database, (transaction) =>
    moveRun(runId, "failed", { endedAt: new Date() }, transaction),
  );
  expect(await bench.perform("awaitRun", { runId })).toBe("failed");
});
