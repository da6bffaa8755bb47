import { expect, test } from "vitest";
import { type Database, inTransaction } from "../../models/database.ts";
import { AuditEntry, OutboxEntry } from "../../models/operations.ts";
import {
  acceptScheduledRun,
  moveRun,
  Package,
  PackageChannel,
  PackageRun,
  PackageSchedule,
  PackageVersion,
  pauseSchedule,
  removeSchedule,
  setSchedule,
  takeTick,
} from "../../models/packages/index.ts";
import { newId } from "../../platform/crypto.ts";
import { describeDatabases } from "../support/database.ts";
import { asker, openLine } from "../support/package-line.ts";

const TERMS = { intervalSeconds: 60, channel: "stable", isPaused: false };

/** A package with one live version and a schedule. */
async function openScheduled(database: Database) {
  const line = await openLine(database, 1);
  const { packageId, owner } = line;
  await setSchedule(database, owner, TERMS, asker);
  const tick = (tickId = newId()) =>
    inTransaction(database, (transaction) => takeTick({ packageId, tickId }, transaction));
  const end = (runId: string) =>
    inTransaction(database, (transaction) =>
      moveRun(runId, "failed", { endedAt: new Date() }, transaction),
    );
  const row = () => PackageSchedule.findByPk(packageId, { rejectOnEmpty: true });
  return { ...line, tick, end, row };
}

describeDatabases(({ open }) => {
  test("a tick orders that what is live is built again, in the name of who has set the schedule", async () => {
    const database = await open();
    const { tick, row } = await openScheduled(database);

    const taken = await tick();

    const runId = (taken as { runId: string }).runId;
    expect(await PackageRun.findByPk(runId)).toMatchObject({
      kind: "rebuild",
      state: "queued",
      requestedBy: "schedule of admin",
    });
    expect(await OutboxEntry.findByPk(runId)).toMatchObject({
      command: { update: "rebuildVersion" },
    });
    expect(
      await AuditEntry.findAll({ where: { action: "packages.rebuild-ordered" } }),
    ).toMatchObject([{ actorName: "schedule of admin", after: { version: "1" } }]);
    expect(await row()).toMatchObject({ lastRunId: runId, lastSkipReason: null, skippedTicks: 0 });
  });

  test("a tick that is taken twice orders once, and is skipped once", async () => {
    const database = await open();
    const { tick, row } = await openScheduled(database);
    const [first, second] = [newId(), newId()];

    const taken = await Promise.all([tick(first), tick(first)]);
    const skipped = await Promise.all([tick(second), tick(second)]);

    expect(taken).toEqual([{ runId: first }, { runId: first }]);
    const reason = {
      skipped: "A run of the package is under way. Wait for its end, or cancel it.",
    };
    expect(skipped).toEqual([reason, reason]);
    expect(await PackageRun.count({ where: { kind: "rebuild" } })).toBe(1);
    expect(await row()).toMatchObject({ lastRunId: first, skippedTicks: 1 });
  });

  test("ticks go on when the run has ended, whatever became of it", async () => {
    const database = await open();
    const { tick, end } = await openScheduled(database);
    const first = (await tick()) as { runId: string };
    await end(first.runId);

    expect(await tick()).toHaveProperty("runId");
  });

  test("a publication that waits for its time is in nobody's way", async () => {
    const database = await open();
    const { tick, packageId } = await openScheduled(database);
    const fields = { state: "queued", number: 0, publishAt: new Date("2999-01-01") } as const;
    await PackageRun.update(fields, { where: { packageId } });

    expect(await tick()).toHaveProperty("runId");
  });

  test("nothing is ordered when nothing is live, or what is live was yanked, or the schedule is paused or gone", async () => {
    const database = await open();
    const { tick, owner, packageId } = await openScheduled(database);

    await pauseSchedule(database, owner, true, asker);
    expect(await tick()).toEqual({ skipped: "The schedule is paused." });
    await pauseSchedule(database, owner, false, asker);
    await PackageVersion.update({ yankedAt: new Date() }, { where: { packageId } });
    expect(await tick()).toEqual({ skipped: expect.stringMatching(/was withdrawn/) });
    await PackageChannel.update({ liveVersionId: null }, { where: { packageId } });
    expect(await tick()).toEqual({
      skipped: "Nothing is live on stable. Publish there, or set another channel.",
    });
    await removeSchedule(database, owner, asker);
    expect(await tick()).toEqual({ skipped: "The schedule was removed." });
    await Package.update({ deletedAt: new Date() }, { where: { id: packageId } });
    expect(await tick()).toEqual({ skipped: "The package is removed." });

    expect(await PackageRun.count({ where: { kind: "rebuild" } })).toBe(0);
  });

  test("what is said about a schedule is audited and told once, and its ticks move only with its interval", async () => {
    const database = await open();
    const { owner, row } = await openScheduled(database);
    const { anchoredAt } = await row();

    await setSchedule(database, owner, TERMS, asker);
    await setSchedule(database, owner, { ...TERMS, isPaused: true }, asker);
    await pauseSchedule(database, owner, true, asker);
    expect((await row()).anchoredAt).toEqual(anchoredAt);
    await setSchedule(database, owner, { ...TERMS, intervalSeconds: 120 }, asker);
    expect((await row()).anchoredAt.getTime()).toBeGreaterThanOrEqual(anchoredAt.getTime());
    await removeSchedule(database, owner, asker);

    const said = (await AuditEntry.findAll({ order: ["sequence"] })).map(({ action }) => action);
    expect(said.filter((action) => action.includes("schedule"))).toEqual([
      "packages.schedule-set",
      "packages.schedule-set",
      "packages.schedule-set",
      "packages.schedule-removed",
    ]);
    const told = (await OutboxEntry.findAll()).map(({ command }) => command?.update);
    expect(told.filter((update) => update === "followSchedule")).toHaveLength(4);
  });

  test("a run by hand is ordered paused or not, and refused while another is under way", async () => {
    const database = await open();
    const { owner, row } = await openScheduled(database);
    await pauseSchedule(database, owner, true, asker);
    const runId = newId();

    await acceptScheduledRun(database, owner, runId, asker);

    expect(await row()).toMatchObject({ lastRunId: runId, isPaused: true, lastTickId: null });
    await expect(acceptScheduledRun(database, owner, newId(), asker)).rejects.toMatchObject({
      type: "packages/run-under-way",
    });
  });
});
