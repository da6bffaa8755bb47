import { MockActivityEnvironment } from "@temporalio/testing";
import { expect, test } from "vitest";
import { createTimerActivities } from "../../../activities/cards/timers.ts";
import {
  CardBulk,
  CardBulkResult,
  CardImport,
  CardImportFault,
  MOST_AT_ONCE,
} from "../../../models/cards/index.ts";
import { newId } from "../../../platform/crypto.ts";
import { ADMIN } from "../../support/api.ts";
import { describeDatabases } from "../../support/database.ts";

const KEPT_SECONDS = 3600;
const endedAgo = (seconds: number) => new Date(Date.now() - seconds * 1000);
const WHO = { accountId: ADMIN.accountId, actorName: ADMIN.name };

/** A bulk that ended so long ago, with what became of so many cards. */
async function makeBulk(given: Partial<CardBulk>, results: number): Promise<string> {
  const order = { order: { verb: "ban" as const }, filters: {}, asked: {}, total: results };
  const { id } = await CardBulk.create({ id: newId(), ...order, ...WHO, ...given });
  const result = { bulkId: id, outcome: "changed" as const };
  const rows = Array.from({ length: results }, () => ({ ...result, cardId: newId() }));
  await CardBulkResult.bulkCreate(rows);
  return id;
}

/** An import that ended so long ago, with two lines that are no cards. */
async function makeImport(given: Partial<CardImport>): Promise<string> {
  const stored = { objectKey: newId(), bytes: 9, digest: "0".repeat(64), lines: 2 };
  const terms = { prefix: null, policyId: null, productId: null, note: null, usualSeconds: 60 };
  const row = { id: newId(), dryRun: false, ...stored, ...terms, ...WHO, ...given };
  const { id } = await CardImport.create(row);
  const fault = { importId: id, reason: "There is no code." };
  await CardImportFault.bulkCreate([1, 2].map((line) => ({ ...fault, line })));
  return id;
}

describeDatabases(({ open }) => {
  test("what became of each card of an old order is removed, and what may go on or be recent is kept", async () => {
    const database = await open();
    const old = { completedAt: endedAgo(KEPT_SECONDS + 1) };
    const many = await makeBulk({ state: "completed", ...old }, 2 * MOST_AT_ONCE + 1);
    const undone = await makeBulk({ state: "undone", ...old }, 1);
    const kept = [
      await makeBulk({ state: "completed", completedAt: endedAgo(60) }, 1),
      await makeBulk({ state: "failed", ...old }, 1),
      await makeBulk({ state: "undoing", ...old }, 1),
    ];
    const taken = await makeImport({ state: "completed", ...old });
    const keptImports = [
      await makeImport({ state: "completed", completedAt: endedAgo(60) }),
      await makeImport({ state: "failed" }),
    ];
    const activities = createTimerActivities({
      database,
      cardRestoreSeconds: 0,
      cardResultsSeconds: KEPT_SECONDS,
    });
    const forget = () => new MockActivityEnvironment().run(() => activities.forgetCardResults());

    const forgotten = await forget();
    const again = await forget();

    expect([forgotten, again]).toEqual([2 * MOST_AT_ONCE + 1 + 1 + 2, 0]);
    const results = await CardBulkResult.findAll();
    expect(new Set(results.map(({ bulkId }) => bulkId))).toEqual(new Set(kept));
    const faults = await CardImportFault.findAll();
    expect(new Set(faults.map(({ importId }) => importId))).toEqual(new Set(keptImports));
    const without = async (rows: Promise<{ id: string }[]>) =>
      new Set((await rows).map(({ id }) => id));
    const where = { hasResults: false };
    expect(await without(CardBulk.findAll({ where }))).toEqual(new Set([many, undone]));
    expect(await without(CardImport.findAll({ where }))).toEqual(new Set([taken]));
  });
});
