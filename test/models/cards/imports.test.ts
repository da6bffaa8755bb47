import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { MockActivityEnvironment } from "@temporalio/testing";
import { expect, onTestFinished, test } from "vitest";
import { createImportActivities } from "../../../activities/cards/imports.ts";
import { sealLines } from "../../../api/card-lines.ts";
import {
  Card,
  type CardImport,
  CardImportFault,
  CardWheel,
  failImport,
  orderImport,
  resumeImport,
  sumCards,
} from "../../../models/cards/index.ts";
import type { Database } from "../../../models/database.ts";
import { AuditEntry, stageObject } from "../../../models/operations.ts";
import { openCardCodes } from "../../../platform/card-codes.ts";
import { newId } from "../../../platform/crypto.ts";
import { type ObjectStore, openObjectStore } from "../../../platform/objects/index.ts";
import { ADMIN } from "../../support/api.ts";
import { makePolicy, makeProduct, show } from "../../support/cards.ts";
import { describeDatabases } from "../../support/database.ts";

const ORIGIN = { actor: ADMIN, address: "127.0.0.1", requestId: "r" };
const codes = openCardCodes([{ id: "k", secret: randomBytes(32).toString("hex") }]);
const iso = (ms: number) => new Date(Date.now() + ms).toISOString();
const HOUR_MS = 3_600_000;

async function openStore(): Promise<ObjectStore> {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-imports-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return openObjectStore({ s3: undefined, folder });
}

/** Stores a file as a request does, and orders it to be taken in. */
async function send(
  database: Database,
  objects: ObjectStore,
  content: string,
  given: Partial<CardImport> = {},
) {
  const { stored, count, sha256 } = sealLines(Readable.from([Buffer.from(content)]), codes);
  const objectKey = `cards/imports/${newId()}`;
  await stageObject(database, objectKey);
  const { bytes } = await objects.put(objectKey, stored);
  const terms = { prefix: null, policyId: null, productId: null, note: null, usualSeconds: 10_800 };
  const read = { objectKey, bytes, lines: count(), digest: sha256() };
  const order = { id: newId(), dryRun: false, accountId: ADMIN.accountId, ...read, ...terms };
  return orderImport(database, { ...order, ...given }, ORIGIN);
}

describeDatabases(({ open }) => {
  const openBench = async () => {
    const [database, objects] = [await open(), await openStore()];
    const activities = createImportActivities({
      database,
      objects,
      reportProgress: () => undefined,
    });
    const take = ({ id: importId }: CardImport) =>
      new MockActivityEnvironment().run(() => activities.takeCardsIn({ importId }));
    return { database, objects, activities, take };
  };
  const faults = async () =>
    (await CardImportFault.findAll({ order: [["line", "ASC"]] })).map(
      ({ line, reason }) => `${line}: ${reason}`,
    );

  test("cards come in as they stood, with what is said of them; what is wrong is told by its line", async () => {
    const { database, objects, activities, take } = await openBench();
    const product = await makeProduct();
    const policy = await makePolicy({ uses: 9, noticeSeconds: 60 });
    const file = [
      "code,state,used_at,expire_at,machine_code,note",
      "VIP-NEW00001,,,,,",
      `vip-live0002,active,${iso(-HOUR_MS)},${iso(HOUR_MS)},PC-1,kept`,
      `VIP-DEAD0003,active,,${iso(-1000)},PC-2,`,
      "VIP-BANN0004,BANNED,,,,",
      "VIP-LIVE0002,,,,,",
      "VIP-X,lost,,,,",
      `VIP-TERM0005,active,${iso(-1000)},,,`,
    ].join("\r\n");
    const terms = { policyId: policy.id, productId: product.id, note: "moved" };

    const row = await send(database, objects, file, terms);
    expect(await take(row)).toEqual({ looked: 7, lines: 7, imported: 5, isOver: true });
    expect(await take(row)).toBeNull();

    expect(await row.reload()).toMatchObject({ state: "completed", duplicates: 1, faulty: 1 });
    expect(await faults()).toEqual([
      "6: Its code stands in line 3 already.",
      "7: The state is none of unused, active, suspended, expired, banned.",
    ]);
    const cards = await Card.findAll({ order: [["codeTail", "ASC"]] });
    expect(cards.map(({ state, note, timer }) => [state, note, timer])).toEqual([
      ["unused", "moved", null],
      ["active", "kept", "wheel"],
      ["expired", "moved", null],
      ["banned", "moved", null],
      ["active", "moved", "wheel"],
    ]);
    const [fresh, live, , , byTerm] = cards;
    expect(codes.unseal(live!.codeSealed, live!.id)).toBe("vip-live0002");
    expect(live).toMatchObject({ prefix: "vip", usesLeft: 9, machineCode: "PC-1", machines: 1 });
    expect(live!.noticeAt!.getTime()).toBe(live!.expireAt!.getTime() - 60_000);
    expect(byTerm!.expireAt!.getTime()).toBe(byTerm!.usedAt!.getTime() + HOUR_MS);
    expect(await sumCards([product.id])).toMatchObject({
      unused: 1,
      active: 2,
      expired: 1,
      banned: 1,
    });
    const { wakesAt } = (await CardWheel.findByPk(String(live!.shard)))!;
    expect(wakesAt!.getTime()).toBeLessThanOrEqual(live!.dueAt!.getTime());
    expect(await show(database, live!)).toMatchObject({ state: "active" });
    expect(await show(database, fresh!)).toMatchObject({ state: "active" });
    const lines = await objects.open(row.objectKey);
    expect(JSON.stringify(await (await lines!.read()).toArray())).not.toContain("LIVE0002");
    await lines!.close();
    await activities.dropImport({ importId: row.id });
    expect(await objects.head(row.objectKey)).toBeUndefined();
    const done = await AuditEntry.findOne({ where: { action: "cards.import-completed" } });
    expect(done!.after).toEqual({ dryRun: false, imported: 5, duplicates: 1, faulty: 1 });
  });

  test("of two at once, and after a failure, each line is taken in once; a trial takes nothing in", async () => {
    const { database, objects, take } = await openBench();
    const file = Array.from({ length: 1700 }, (_, index) => `BIG-${10_000 + index}`).join("\n");
    const trial = await send(database, objects, file, { dryRun: true });
    await take(trial);
    expect(await trial.reload()).toMatchObject({ state: "completed", imported: 1700 });
    expect(await Card.count()).toBe(0);

    const row = await send(database, objects, file);
    await failImport(database, row.id, "no more");
    expect(await take(row)).toBeNull();
    await resumeImport(database, row.id, ORIGIN);
    await Promise.all([take(row), take(row)]);

    expect(await row.reload()).toMatchObject({ state: "completed", imported: 1700, duplicates: 0 });
    expect(await sumCards()).toMatchObject({ unused: 1700 });
    const again = await send(database, objects, `${file}\nBIG-MORE`, { prefix: "BIG" });
    await take(again);
    expect(await again.reload()).toMatchObject({ imported: 1, duplicates: 1700 });
    expect((await faults()).at(0)).toBe("1: There is a card with this code already.");
    await expect(resumeImport(database, again.id, ORIGIN)).rejects.toMatchObject({
      type: "cards/import-not-failed",
    });
  });
});
