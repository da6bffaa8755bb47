import { expect, test } from "vitest";
import { type Database, inTransaction } from "../../models/database.ts";
import {
  acceptPackage,
  acceptRollback,
  appendLog,
  beginStep,
  claimLink,
  endStep,
  findPublished,
  keepStatus,
  logBytes,
  moveRun,
  Package,
  PackageLogChunk,
  PackageRun,
  PackageStep,
  PackageVersion,
  recordLiveVersion,
} from "../../models/packages/index.ts";
import { STABLE } from "../../domain/packages.ts";
import { stageObject } from "../../models/operations.ts";
import { newId } from "../../platform/crypto.ts";
import { ADMIN } from "../support/api.ts";
import { describeDatabases } from "../support/database.ts";

const asker = { actor: ADMIN, address: "127.0.0.1", requestId: "r" };

async function accept(database: Database, name: string) {
  const ids = { packageId: newId(), versionId: newId(), runId: newId() };
  const key = `packages/${ids.packageId}/originals/${ids.versionId}`;
  await stageObject(database, key);
  const facts = { type: "zip", fileName: "a.zip", version: "1.0.0", description: null } as const;
  const aim = { channel: STABLE, isDraft: false };
  const bytes = { key, bytes: 3, sha256: "0".repeat(64) };
  await acceptPackage(database, name, { ...ids, ...facts, ...aim, ...bytes }, asker);
  return { ...ids, owner: await Package.findByPk(ids.packageId, { rejectOnEmpty: true }) };
}

describeDatabases(({ open }) => {
  const openOne = async () => {
    const database = await open();
    const inside = <T>(body: Parameters<typeof inTransaction<T>>[1]) =>
      inTransaction(database, body);
    return { database, inside, ...(await accept(database, "App")) };
  };

  test("names are compared exactly: letter case, accents and trailing spaces count", async () => {
    const database = await open();
    for (const name of ["App", "app", "App ", "Äpp", "演示 🎉"]) await accept(database, name);

    await expect(accept(database, "演示 🎉")).rejects.toMatchObject({
      type: "packages/name-taken",
    });
    expect(await Package.count()).toBe(5);
  });

  test("what stable's link shows is found by id and by name, once it was recorded", async () => {
    const { database, inside, owner, packageId, versionId } = await openOne();
    expect(await findPublished(database, { name: "App" })).toBeUndefined();

    const sha256 = "a".repeat(64);
    const artefact = { artefactKey: "k", artefactBytes: 2 ** 40, artefactSha256: sha256 };
    await inside(async (transaction) => {
      await PackageVersion.update(
        { ...artefact, state: "ready", verdict: "clear" },
        { where: { id: versionId }, transaction },
      );
      await recordLiveVersion(packageId, STABLE, { number: 1, versionId }, transaction);
    });

    const published = {
      owner: {
        id: packageId,
        serial: owner.serial,
        name: "App",
        type: "zip",
        isDistributing: true,
      },
      version: {
        version: "1.0.0",
        state: "ready",
        isDraft: false,
        verdict: "clear",
        yankedAt: null,
        yankReason: null,
        artefactBytes: 2 ** 40,
        artefactSha256: sha256,
      },
    };
    expect(await findPublished(database, { name: "App" })).toEqual(published);
    expect(await findPublished(database, { serial: owner.serial })).toEqual(published);
    const yankedAt = new Date("2026-11-21T10:11:12.345Z");
    await PackageVersion.update({ yankedAt, yankReason: "why" }, { where: { id: versionId } });
    const found = await findPublished(database, { name: "App" });
    expect(found?.version).toMatchObject({ yankedAt, yankReason: "why" });
  });

  test("orders that are accepted at once take different numbers, without a gap", async () => {
    const { database, owner, versionId } = await openOne();
    const version = await PackageVersion.findByPk(versionId, { rejectOnEmpty: true });

    await Promise.all(
      Array.from({ length: 20 }, () =>
        acceptRollback(database, owner, { runId: newId(), version }, asker),
      ),
    );

    const numbers = (await PackageRun.findAll()).map(({ number }) => number);
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 21 }, (_, n) => n + 1));
  });

  test("writers of one log at once all find their place", async () => {
    const { inside, runId } = await openOne();

    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        inside((transaction) => appendLog(runId, `line ${n}\n`, transaction)),
      ),
    );

    const chunks = await PackageLogChunk.findAll({ order: [["sequence", "ASC"]] });
    expect(chunks.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 20 }, (_, n) => n + 1),
    );
    const last = chunks.at(-1)!;
    expect(await logBytes(runId)).toBe(last.offset + last.bytes);
  });

  test("a link is claimed and recorded by the same or a higher number only", async () => {
    const { inside, packageId, versionId } = await openOne();
    const claim = (number: number) =>
      inside((transaction) => claimLink(packageId, STABLE, number, transaction));
    const record = (number: number) =>
      inside((transaction) =>
        recordLiveVersion(packageId, STABLE, { number, versionId }, transaction),
      );

    expect([await claim(2), await claim(2), await claim(1), await claim(3)]).toEqual([
      true,
      true,
      false,
      true,
    ]);
    expect([await record(2), await record(2), await record(1)]).toEqual([true, true, false]);
  });

  test("a run moves once, and an ended one never again", async () => {
    const { inside, runId } = await openOne();
    const move = (state: Parameters<typeof moveRun>[1]) =>
      inside((transaction) => moveRun(runId, state, {}, transaction));

    expect([await move("running"), await move("running")]).toEqual([true, false]);
    expect([await move("failed"), await move("cancelled"), await move("running")]).toEqual([
      true,
      false,
      false,
    ]);
  });

  test("a package's status is right when its run and its link change at once", async () => {
    const { inside, packageId, runId, versionId } = await openOne();
    const live = { number: 1, versionId };

    await Promise.all([
      inside((transaction) => moveRun(runId, "running", {}, transaction)),
      inside((transaction) => recordLiveVersion(packageId, STABLE, live, transaction)),
      inside((transaction) => keepStatus(packageId, transaction)),
    ]);

    expect(await Package.findAll()).toMatchObject([{ status: "processed_success" }]);
  });

  test("the end of a step counts for the turn that has begun last", async () => {
    const { inside, runId } = await openOne();
    const name = "scan";
    const begin = () =>
      inside((transaction) => beginStep({ runId, position: 1, name }, transaction));
    const end = (turn: number, state: "succeeded" | "failed") =>
      inside((transaction) => endStep({ runId, name, turn }, { state }, transaction));

    expect([await begin(), await begin()]).toEqual([1, 2]);
    await end(2, "succeeded");
    await end(1, "failed");

    expect(await PackageStep.findAll()).toMatchObject([{ state: "succeeded", attempts: 2 }]);
  });
});
