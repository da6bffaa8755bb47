import { createHash } from "node:crypto";
import type { InferAttributes } from "sequelize";
import { expect, test } from "vitest";
import { CARD_SHARDS, CARD_STATES, shardOf } from "../../../domain/cards.ts";
import { type BulkOrder, forecast } from "../../../domain/cards/bulk.ts";
import {
  beginBulk,
  Card,
  CardBulk,
  CardBulkResult,
  type CardFilters,
  CardMachine,
  CardWheel,
  changeCard,
  countCards,
  groupAlike,
  lookAtCard,
  orderBulk,
  resumeBulk,
  failBulk,
  stepBulk,
  sumCards,
  undoBulk,
} from "../../../models/cards/index.ts";
import { type Database, inTransaction } from "../../../models/database.ts";
import { AuditEntry, OutboxEntry } from "../../../models/operations.ts";
import { newId } from "../../../platform/crypto.ts";
import { ADMIN } from "../../support/api.ts";
import { makeCard, makePolicy, makeProduct, show } from "../../support/cards.ts";
import { describeDatabases } from "../../support/database.ts";

const ORIGIN = { actor: ADMIN, address: "127.0.0.1", requestId: "r" };
const ASKER = { ...ORIGIN, reason: undefined, mostRuns: 100 };
const HOUR_MS = 3_600_000;
const inLetters = (one: string, other: string) => (one < other ? -1 : 1);
const inMs = (ms: number) => new Date(Date.now() + ms);
const ALL = { sort: "oldest" } as const;

const order = (database: Database, what: BulkOrder, filters: CardFilters = ALL, id = newId()) =>
  orderBulk(
    database,
    { id, order: what, filters, asked: {}, reason: null, accountId: ADMIN.accountId },
    ORIGIN,
  );

/** Carries a bulk on to its end, from wherever it stands. */
async function carry(database: Database, { id }: CardBulk): Promise<CardBulk> {
  await beginBulk(database, id);
  while (await stepBulk(database, id));
  return (await CardBulk.findByPk(id))!;
}

async function bulk(database: Database, what: BulkOrder, filters: CardFilters = ALL) {
  return carry(database, await order(database, what, filters));
}

const undo = async (database: Database, { id }: CardBulk) =>
  carry(database, await undoBulk(database, id, 600, ORIGIN));

/** Everything that is known of all cards, but when it was written. */
async function snapshot() {
  const rows: unknown = await Card.findAll({ order: [["id", "ASC"]], raw: true });
  const cards = rows as InferAttributes<Card>[];
  const machines = await CardMachine.findAll({
    attributes: { exclude: ["createdAt"] },
    order: ["cardId", "slot"],
    raw: true,
  });
  return { cards: cards.map((card) => ({ ...card, updatedAt: null })), machines };
}

/** Statistics equal a fresh count. */
async function expectCounted() {
  const fresh = await Promise.all(
    CARD_STATES.map(async (state) => [
      state,
      await Card.count({ where: { state, deletedAt: null } }),
    ]),
  );
  const counts = Object.fromEntries(fresh);
  expect(await sumCards()).toMatchObject(counts);
}

/** So many active cards: some with runs and some on wheels, with notices and without, by both kinds of clocks. */
async function makeActive(database: Database, count: number): Promise<void> {
  const stops = await makePolicy({ suspendedClock: "stops", noticeSeconds: 600, maxMachines: 2 });
  const runs = await makePolicy({ termSeconds: null });
  const product = await makeProduct();
  const cards = Array.from({ length: count }, (_, index) => {
    const id = newId();
    const expireAt = index % 5 === 4 ? null : inMs(HOUR_MS + index * 137);
    const noticeAt = index % 5 === 0 && expireAt ? new Date(expireAt.getTime() - 600_000) : null;
    return {
      id,
      prefix: "VIP",
      productId: index % 2 ? product.id : null,
      policyId: [stops.id, null, stops.id, null, runs.id][index % 5]!,
      codeHash: createHash("sha256").update(id).digest("hex"),
      codeTail: "0000",
      codeSealed: "sealed",
      state: "active" as const,
      machineCode: `PC-${index}`,
      machineParts: index % 7 ? null : ["a", "b"],
      machines: 1,
      usedAt: inMs(-1000),
      expireAt,
      noticeAt,
      dueAt: noticeAt ?? expireAt,
      timer: expireAt && (index % 3 ? ("wheel" as const) : ("run" as const)),
      usesLeft: index % 11 ? null : 5,
      shard: shardOf(id),
    };
  });
  for (let from = 0; from < count; from += 1000) {
    await inTransaction(database, async (transaction) => {
      const some = cards.slice(from, from + 1000);
      await Card.bulkCreate(some, { transaction });
      const sold = some.filter(({ productId }) => productId !== null).length;
      await countCards(product.id, { active: sold }, 0, transaction);
      await countCards(null, { active: some.length - sold }, 0, transaction);
    });
  }
}

describeDatabases(({ open }) => {
  test("10,000 active cards are suspended at once, and undone all is as before, timers included", async () => {
    const database = await open();
    await makeActive(database, 10_000);
    await makeCard(database);
    const before = await snapshot();

    const suspended = await bulk(database, { verb: "suspend" }, { ...ALL, state: "active" });

    expect(suspended).toMatchObject({
      state: "completed",
      total: 10_000,
      done: 10_000,
      refused: 0,
    });
    expect(await Card.count({ where: { state: "suspended", dueAt: null } })).toBe(10_000);
    expect(await sumCards()).toMatchObject({ active: 0, suspended: 10_000, unused: 1 });
    // A run that wakes meanwhile finds nothing to do, and is over.
    const woken = await Card.findOne({ where: { timer: "run" }, rejectOnEmpty: true });
    expect(await lookAtCard(database, woken.id)).toBeNull();
    expect(await OutboxEntry.count()).toBe(1);

    const undone = await undo(database, suspended);

    expect(undone).toMatchObject({ state: "undone", undone: 10_000, kept: 0 });
    const after = await snapshot();
    const ofWoken = ({ id }: { id: string }) => id === woken.id;
    expect(after.cards.find(ofWoken)).toMatchObject({ timer: "wheel" });
    after.cards.find(ofWoken)!.timer = "run";
    expect(after).toEqual(before);
    await expectCounted();
    // Each wheel wakes before the first of its cards is due.
    for (let shard = 0; shard < CARD_SHARDS; shard++) {
      const where = { shard, timer: "wheel" as const };
      const first = (await Card.min("dueAt", { where })) as Date | string;
      const { wakesAt } = (await CardWheel.findByPk(String(shard)))!;
      expect(wakesAt!.getTime()).toBeLessThanOrEqual(new Date(first).getTime());
    }
    const audited = await AuditEntry.findAll({ order: [["sequence", "ASC"]] });
    expect(audited.map(({ action }) => action)).toEqual([
      "cards.bulk-ordered",
      "cards.bulk-completed",
      "cards.bulk-undo-ordered",
      "cards.bulk-undone",
    ]);
    expect(audited[3]!.after).toMatchObject({ verb: "suspend", undone: 10_000, kept: 0 });
  });

  test.each<BulkOrder>([
    { verb: "extend", ms: HOUR_MS },
    { verb: "ban" },
    { verb: "unbind" },
    { verb: "delete" },
    { verb: "note", note: "recalled" },
  ])("$verb is done with all that it fits, and undone leaves no trace", async (what) => {
    const database = await open();
    await makeActive(database, 30);
    const [first] = await Card.findAll({ limit: 1 });
    await CardMachine.create({ cardId: first!.id, slot: 3, machineCode: "PC-X" });
    await first!.update({ machines: 2 });
    await makeCard(database, { state: "banned" });
    const before = await snapshot();

    const done = await bulk(database, what);

    expect(done.done + done.refused).toBe(31);
    expect(done.done).toBe(
      { extend: 24, ban: 30, unbind: 30, delete: 31, note: 31 }[what.verb as "ban"],
    );
    expect(await snapshot()).not.toEqual(before);
    await expectCounted();
    const undone = await undo(database, done);
    expect(undone).toMatchObject({ state: "undone", undone: done.done, kept: 0 });
    const after = await snapshot();
    // Runs whose cards would have to be woken leave them to their wheels.
    const timerless = ({ cards, machines }: typeof after) => ({
      cards: cards.map(({ timer, ...card }) => ({ ...card, timer: timer && "some" })),
      machines,
    });
    expect(timerless(after)).toEqual(timerless(before));
    await expectCounted();
  });

  test("restored and reinstated cards have their timers again; what is over comes back expired", async () => {
    const database = await open();
    await makeActive(database, 10);
    const deleted = await bulk(database, { verb: "delete" });
    expect(deleted).toMatchObject({ done: 10 });
    const over = await Card.findOne({ where: { timer: null }, rejectOnEmpty: true });
    await over.update({ expireAt: inMs(-1) });

    const restored = await bulk(database, { verb: "restore" }, { ...ALL, deleted: true });

    expect(restored).toMatchObject({ done: 10, refused: 0 });
    expect(await over.reload()).toMatchObject({ state: "expired", deletedAt: null, dueAt: null });
    expect(await Card.count({ where: { timer: "wheel" } })).toBeGreaterThan(3);
    await expectCounted();
    await bulk(database, { verb: "suspend" });
    const back = await bulk(database, { verb: "reinstate" });
    expect(back).toMatchObject({ done: 9, refused: 1 });
    expect(await Card.count({ where: { state: "active" } })).toBe(9);
    await expectCounted();
  });

  test("what is refused says why, in the forecast as in the end; what has changed since is kept", async () => {
    const database = await open();
    const good = await makeCard(database);
    await show(database, good);
    await makeCard(database, { state: "banned" });
    await makeCard(database, { state: "active", expireAt: inMs(-1), machines: 1 });
    const unused = await makeCard(database);
    const suspend = { verb: "suspend" } as const;
    const now = new Date();

    const expected = forecast(await groupAlike(ALL, now), suspend, now);
    const done = await bulk(database, suspend);

    const reasons = ["It is banned.", "Its time is over."];
    expect(expected.changed).toBe(2);
    expect(expected.refused.map(({ reason }) => reason).toSorted(inLetters)).toEqual(reasons);
    expect(done).toMatchObject({ done: 2, refused: 2 });
    const refused = await CardBulkResult.findAll({ where: { outcome: "refused" } });
    expect(refused.map(({ reason }) => String(reason)).toSorted(inLetters)).toEqual(reasons);

    await changeCard(database, unused.id, { verb: "reinstate" }, ASKER);
    await good.destroy();
    const undone = await undo(database, done);

    expect(undone).toMatchObject({ undone: 0, kept: 2 });
    const kept = await CardBulkResult.findAll({ where: { outcome: "kept" } });
    expect(kept.map(({ reason }) => String(reason)).toSorted(inLetters)).toEqual([
      "It has changed since.",
      "It is gone.",
    ]);
  });

  test("carried on by two at once, and after a failure, each card is changed once", async () => {
    const database = await open();
    await makeActive(database, 1200);
    const what = { verb: "extend", ms: HOUR_MS } as const;
    const before = new Map((await Card.findAll()).map(({ id, expireAt }) => [id, expireAt]));
    const one = await order(database, what);
    await beginBulk(database, one.id);

    await stepBulk(database, one.id);
    await failBulk(database, one.id, "no more");
    expect(await stepBulk(database, one.id)).toBeUndefined();
    await resumeBulk(database, one.id, ORIGIN);
    await Promise.all([carry(database, one), carry(database, one)]);

    expect(await one.reload()).toMatchObject({ state: "completed", done: 960, refused: 240 });
    expect(await CardBulkResult.count()).toBe(1200);
    for (const { id, expireAt } of await Card.findAll()) {
      const was = before.get(id) ?? null;
      expect(expireAt).toEqual(was && new Date(was.getTime() + HOUR_MS));
    }
    await expect(resumeBulk(database, one.id, ORIGIN)).rejects.toMatchObject({
      type: "cards/bulk-not-failed",
    });
    await one.update({ completedAt: inMs(-600_001) });
    await expect(undoBulk(database, one.id, 600, ORIGIN)).rejects.toMatchObject({
      type: "cards/bulk-not-undoable",
    });
  });

  test("the same order under the same id is one; another is refused; what is made later is not meant", async () => {
    const database = await open();
    const [card, other] = [await makeCard(database), await makeCard(database, { prefix: "PRO" })];
    const id = newId();
    const first = await order(database, { verb: "ban" }, { ...ALL, found: [{ id: card.id }] }, id);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const later = await makeCard(database);

    expect((await order(database, { verb: "ban" }, ALL, id)).id).toBe(first.id);
    await expect(order(database, { verb: "delete" }, ALL, id)).rejects.toMatchObject({
      type: "operations/idempotency-mismatch",
    });
    await carry(database, first);
    expect((await card.reload()).state).toBe("banned");
    expect((await other.reload()).state).toBe("unused");
    expect(await bulk(database, { verb: "ban" }, { ...ALL, prefix: "PRO" })).toMatchObject({
      done: 1,
    });
    expect((await later.reload()).state).toBe("unused");
  });
});
