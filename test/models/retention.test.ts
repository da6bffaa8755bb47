import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { PLATFORM } from "../../domain/accounts.ts";
import { type Database, inTransaction } from "../../models/database.ts";
import { AuditEntry, OutboxEntry } from "../../models/operations.ts";
import {
  acceptRebuild,
  acceptRollback,
  changePackage,
  changeVersion,
  forgetArtefacts,
  PackageVersion,
  retireVersions,
  tellOverdue,
} from "../../models/packages/index.ts";
import { newId } from "../../platform/crypto.ts";
import { describeDatabases } from "../support/database.ts";
import { asker, openLine } from "../support/package-line.ts";

const LATER = new Date(Date.now() + 3_600_000);

/** A package that keeps so many of its versions, and what is done to it here. */
async function openLimited(database: Database, count: number, retainedVersions: number) {
  const line = await openLine(database, count);
  const { packageId, owner, versionOf } = line;
  await changePackage(database, owner, { retainedVersions, graceSeconds: 60 }, asker);
  const rollBack = async (version: string) => {
    const runId = newId();
    await acceptRollback(database, owner, { runId, version: await versionOf(version) }, asker);
    return runId;
  };
  const retire = (now = LATER) =>
    inTransaction(database, (transaction) => retireVersions(packageId, now, transaction));
  const kept = async () =>
    (
      await PackageVersion.findAll({ where: { packageId, state: "ready" }, order: ["version"] })
    ).map(({ version }) => version);
  return { ...line, rollBack, retire, kept };
}

describeDatabases(({ open }) => {
  test("removes what is too many, says so in the audit, and answers it until its objects are gone", async () => {
    const database = await open();
    const { retire, kept, versionOf } = await openLimited(database, 4, 2);
    const [one, two] = [await versionOf("1"), await versionOf("2")];

    const { removed } = await retire();
    expect(new Set(removed)).toEqual(new Set([one.id, two.id]));
    expect((await retire()).removed).toHaveLength(2);
    await inTransaction(database, (transaction) => forgetArtefacts(removed, transaction));
    expect((await retire()).removed).toEqual([]);

    expect(await kept()).toEqual(["3", "4"]);
    expect(await versionOf("1")).toMatchObject({ state: "removed", removedAt: LATER });
    expect(
      await AuditEntry.findAll({ where: { action: "packages.versions-removed" } }),
    ).toMatchObject([{ actorName: PLATFORM.name, after: { versions: ["1", "2"] } }]);
  });

  test("within the grace nothing goes, and the one that goes first is told", async () => {
    const { retire, kept, owner } = await openLimited(await open(), 3, 1);

    const { removed, graces } = await retire(new Date());

    expect(removed).toEqual([]);
    expect(graces.map(({ title }) => title)).toEqual([`${owner.name} 1`, `${owner.name} 2`]);
    expect(graces[0]!.until).toBeGreaterThan(Date.now());
    expect(await kept()).toEqual(["1", "2", "3"]);
  });

  test("what is live, pinned, a draft, held, being built or shown in the place of a yanked one stays", async () => {
    const database = await open();
    const bench = await openLimited(database, 7, 1);
    const { owner, retire, kept, versionOf, rollBack } = bench;
    await changeVersion(database, owner, await versionOf("1"), { isPinned: true }, asker);
    const set = async (version: string, fields: Partial<PackageVersion>) =>
      (await versionOf(version)).update(fields);
    await set("2", { isDraft: true });
    await set("3", { verdict: "held" });
    await rollBack("4");
    await set("7", { yankedAt: new Date(), fallbackVersionId: (await versionOf("5")).id });

    await retire();

    expect(await kept()).toEqual(["1", "2", "3", "4", "5", "7"]);
  });

  test("what a rollback went away from stays, so that one can go forward again", async () => {
    const { accept, finish, retire, kept, rollBack } = await openLimited(await open(), 3, 1);
    await finish(await rollBack("1"));
    await finish((await accept("4")).runId);

    await retire();

    expect(await kept()).toEqual(["3", "4"]);
  });

  test("a removed version can neither be rolled back to nor pinned", async () => {
    const database = await open();
    const { owner, retire, rollBack, versionOf } = await openLimited(database, 2, 1);
    await retire();

    const refused = {
      type: "packages/version-not-ready",
      message: expect.stringMatching(/Rebuild/),
    };
    await expect(rollBack("1")).rejects.toMatchObject(refused);
    await expect(
      changeVersion(database, owner, await versionOf("1"), { isPinned: true }, asker),
    ).rejects.toMatchObject(refused);
  });

  test("a removed version can be built again out of its original, when its objects are gone", async () => {
    const database = await open();
    const { owner, retire, versionOf } = await openLimited(database, 2, 1);
    const { removed } = await retire();
    const rebuild = async (version: string) =>
      acceptRebuild(
        database,
        owner,
        { runId: newId(), version: await versionOf(version), kind: "rebuild" },
        asker,
      );

    await expect(rebuild("1")).rejects.toMatchObject({ type: "packages/version-processing" });
    await inTransaction(database, (transaction) => forgetArtefacts(removed, transaction));
    await rebuild("1");

    expect(await versionOf("1")).toMatchObject({ state: "processing", removedAt: null });
    expect((await retire()).removed).toEqual([]);
  });

  test("of a rollback and a removal at once one wins, and the other knows", async () => {
    const database = await open();
    const ends: string[] = [];

    for (let round = 0; round < 12; round++) {
      const { owner, retire, versionOf } = await openLimited(database, 2, 1);
      const version = await versionOf("1");
      const rollBack = () =>
        acceptRollback(database, owner, { runId: newId(), version }, asker).then(
          () => ends.push("rolled back"),
          () => ends.push("refused"),
        );
      await Promise.all(
        (round % 2 === 0 ? [rollBack, retire] : [retire, rollBack]).map((act) => act()),
      );
      ends.push(`${ends.pop()}: ${(await versionOf("1")).state}`);
    }

    expect(ends).toHaveLength(12);
    const both = new Set(["rolled back: ready", "refused: removed"]);
    expect(ends.filter((end) => !both.has(end))).toEqual([]);
  });

  test("packages that keep too much are told, those that do not are left alone", async () => {
    const database = await open();
    const [many, few] = [await openLimited(database, 3, 1), await openLimited(database, 1, 1)];
    await OutboxEntry.destroy({ where: {} });
    const tell = (after: string, limit: number) =>
      inTransaction(database, (transaction) =>
        tellOverdue({ after, limit, now: LATER }, transaction),
      );

    expect(await tell("", 1)).toBe([many, few].map(({ packageId }) => packageId).sort()[0]);
    expect(await tell("", 10)).toBeNull();

    const told = (await OutboxEntry.findAll()).map(({ command }) => command!);
    expect(told.map(({ update }) => update)).toContain("keepVersions");
    const argument = { packageId: many.packageId };
    expect(told.filter((command) => !isDeepStrictEqual(command.argument, argument))).toEqual([]);
  });
});
