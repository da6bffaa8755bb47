import { randomBytes } from "node:crypto";
import { MockActivityEnvironment } from "@temporalio/testing";
import { describe, expect, test } from "vitest";
import { createBatchActivities } from "../../../activities/cards/batches.ts";
import {
  Card,
  CardBatch,
  changeBatch,
  orderBatch,
  resumeBatch,
  sumCards,
} from "../../../models/cards/index.ts";
import { AuditEntry, OutboxEntry } from "../../../models/operations.ts";
import { type CardCodes, openCardCodes } from "../../../platform/card-codes.ts";
import { newId } from "../../../platform/crypto.ts";
import { ADMIN } from "../../support/api.ts";
import { makeBatch, makePolicy, makeProduct } from "../../support/cards.ts";
import { describeDatabases } from "../../support/database.ts";

const ORIGIN = { actor: ADMIN, address: "127.0.0.1", requestId: "r" };
const codes = openCardCodes([{ id: "k", secret: randomBytes(32).toString("hex") }]);
const MINE = {
  codeLength: 10,
  alphabet: "plain",
  policyId: null,
  productId: null,
  note: null,
} as const;
const order = (given: object = {}) =>
  ({
    id: newId(),
    prefix: "VIP",
    count: 3,
    accountId: ADMIN.accountId,
    ...MINE,
    ...given,
  }) as const;

describeDatabases(({ open }) => {
  const openBench = async (cardCodes: CardCodes = codes) => {
    const database = await open();
    const activities = createBatchActivities({
      database,
      cardCodes,
      reportProgress: () => undefined,
    });
    const make = (batchId: string) =>
      new MockActivityEnvironment().run(() => activities.makeCards({ batchId }));
    const fail = (batchId: string, reason: string) => activities.failCards({ batchId, reason });
    return { database, make, fail };
  };

  test("an order is a row, a message to its workflow and an audit entry; the same id is the same order", async () => {
    const { database } = await openBench();
    const one = order();

    const first = await orderBatch(database, one, ORIGIN);
    const again = await orderBatch(database, one, ORIGIN);

    expect(again.id).toBe(first.id);
    expect(first).toMatchObject({ state: "queued", generated: 0, frozen: false });
    expect(await CardBatch.count()).toBe(1);
    expect(await OutboxEntry.findAll()).toMatchObject([
      { workflow: "cardBatch", workflowId: `card-batch/${one.id}`, input: { batchId: one.id } },
    ]);
    expect(await AuditEntry.findAll()).toMatchObject([
      { action: "cards.batch-ordered", subjectId: one.id, after: { prefix: "VIP", count: 3 } },
    ]);
    await expect(orderBatch(database, { ...one, count: 4 }, ORIGIN)).rejects.toMatchObject({
      type: "operations/idempotency-mismatch",
    });
  });

  test("makers who do the same work at once make each batch exact, of codes that are there once", async () => {
    const { database, make } = await openBench();
    const product = await makeProduct();
    const { id: policyId } = await makePolicy({ uses: 7 });
    const orders = [1201, 1000, 3].map((count) =>
      order({ count, policyId, productId: product.id }),
    );
    for (const one of orders) await orderBatch(database, one, ORIGIN);

    await Promise.all(orders.flatMap(({ id }) => [make(id), make(id), make(id)]));

    for (const { id, count } of orders) {
      expect(await CardBatch.findByPk(id)).toMatchObject({
        state: "completed",
        generated: count,
        completedAt: expect.any(Date),
      });
      expect(await Card.count({ where: { batchId: id } })).toBe(count);
    }
    const all = await Card.findAll();
    const plain = all.map(({ id, codeSealed }) => codes.unseal(codeSealed, id));
    expect(new Set(plain).size).toBe(2204);
    expect(plain.every((code) => /^VIP-[A-Z0-9]{10}$/.test(code))).toBe(true);
    const [card] = all;
    expect(card).toMatchObject({
      state: "unused",
      usesLeft: 7,
      productId: product.id,
      policyId,
      codeHash: codes.hash(plain[0]!.toLowerCase()),
      codeTail: plain[0]!.slice(-4),
      expireAt: null,
      createdAt: expect.any(Date),
    });
    expect(Date.now() - card!.createdAt.getTime()).toBeLessThan(60_000);
    expect(await sumCards([product.id])).toMatchObject({ unused: 2204, active: 0, deleted: 0 });
    // Whoever comes too late finds nothing to do.
    expect(await make(orders[0]!.id)).toBeNull();
  });

  test("a code that is there already is drawn again; where hardly any is left, the batch says so", async () => {
    let clashes = 0;
    const clashing: CardCodes = {
      ...codes,
      hash: (code) => (clashes-- > 0 ? "a".repeat(64) : codes.hash(code)),
    };
    const { database, make, fail } = await openBench(clashing);
    const [first, second] = [order({ count: 1 }), order({ count: 5 })];
    await orderBatch(database, first, ORIGIN);
    await orderBatch(database, second, ORIGIN);

    clashes = 1;
    await make(first.id);
    clashes = 1;
    expect(await make(second.id)).toEqual({ generated: 5, count: 5 });
    const third = order({ count: 1 });
    await orderBatch(database, third, ORIGIN);
    clashes = Infinity;
    await expect(make(third.id)).rejects.toMatchObject({ type: "cards/no-room" });
    await fail(third.id, "no room");

    expect(await Card.count()).toBe(6);
    expect(await CardBatch.findByPk(third.id)).toMatchObject({ state: "failed", error: "no room" });
    expect(await make(third.id)).toBeNull();
    clashes = 0;
    await resumeBatch(database, third.id, ORIGIN);
    expect(await make(third.id)).toEqual({ generated: 1, count: 1 });
    await expect(resumeBatch(database, third.id, ORIGIN)).rejects.toMatchObject({
      type: "cards/batch-not-failed",
    });
  });

  describe("cards whose term does not wait for their first use", () => {
    test.each([
      [
        "their making",
        { startBasis: "creation", termSeconds: 90 },
        (made: number) => made + 90_000,
      ],
      [
        "a date",
        { startBasis: "date", startsAt: new Date("2030-01-01T00:00:00Z"), termSeconds: 60 },
        () => Date.parse("2030-01-01T00:01:00Z"),
      ],
      ["their making, for ever", { startBasis: "creation", termSeconds: null }, () => null],
    ] as const)("have an end from %s on", async (_, terms, end) => {
      const { database, make } = await openBench();
      const policy = await makePolicy({ ...terms, noticeSeconds: 30 });
      const one = order({ policyId: policy.id });
      const batch = await orderBatch(database, one, ORIGIN);

      await make(one.id);

      const at = end(batch.createdAt.getTime());
      const card = await Card.findOne({ where: { batchId: one.id }, rejectOnEmpty: true });
      expect([card.expireAt, card.noticeAt, card.dueAt, card.timer]).toEqual(
        at === null
          ? [null, null, null, null]
          : [new Date(at), new Date(at - 30_000), new Date(at - 30_000), "wheel"],
      );
    });
  });

  test("all cards of a batch are frozen by one row, and who did it is written down", async () => {
    const database = await open();
    const { id } = await makeBatch();

    await changeBatch(database, id, { frozen: true }, ORIGIN);

    expect(await CardBatch.findByPk(id)).toMatchObject({ frozen: true, revoked: false });
    expect(await AuditEntry.findAll()).toMatchObject([
      { action: "cards.batch-changed", before: { frozen: false }, after: { frozen: true } },
    ]);
  });
});
