import { expect, test } from "vitest";
import { HOLDS, PRICES } from "../../models/billing/tables.ts";
import { FIRST_PRICES } from "../../domain/billing.ts";
import { Hold } from "../../models/billing/index.ts";
import { inTransaction, isTaken } from "../../models/database.ts";
import { newId } from "../../platform/crypto.ts";
import { describeDatabases } from "../support/database.ts";

const order = (given: Partial<Hold> = {}) => ({
  id: newId(),
  accountId: newId(),
  state: "open" as const,
  amountFen: 5,
  remainingFen: 2 ** 53 - 1,
  priceVersion: null,
  taskId: null,
  description: "半 a 🃏",
  expiresAt: new Date("2026-11-21T00:00:00.123Z"),
  ...given,
});

describeDatabases(({ open }) => {
  test("a table's own statements and its model see the same rows, and change them alike", async () => {
    const database = await open();
    const given = order();

    const { added, found } = await inTransaction(database, async (transaction) => ({
      added: await HOLDS.add([given], transaction),
      found: await HOLDS.find({ id: given.id, state: "open" }, transaction, { lock: true }),
    }));
    const modelled = await Hold.findByPk(given.id, { rejectOnEmpty: true });
    const [set, none] = await inTransaction(database, async (transaction) => [
      await HOLDS.set({ id: given.id }, { state: "captured", remainingFen: 0 }, transaction),
      await HOLDS.set({ id: given.id, state: "open" }, { remainingFen: 1 }, transaction),
    ]);

    expect(added).toEqual([{ ...added[0], ...given, capturedFen: 0, endedAt: null }]);
    expect(found).toEqual(added);
    expect(modelled.get({ plain: true })).toEqual(added[0]);
    expect([set, none]).toEqual([1, 0]);
    expect(await modelled.reload()).toMatchObject({ state: "captured", remainingFen: 0 });
    expect(modelled.updatedAt.getTime()).toBeGreaterThanOrEqual(added[0]!.updatedAt.getTime());
  });

  test("JSON is read as what it was, and the last of many is found", async () => {
    const database = await open();
    const terms = { ...FIRST_PRICES, minimumFrames: 7 };

    const last = await inTransaction(database, async (transaction) => {
      await PRICES.add([{ id: newId(), version: 9, terms, setBy: "me" }], transaction);
      return PRICES.findOne({}, transaction, { last: "version" });
    });

    expect(last).toMatchObject({ version: 9, terms });
  });

  test("what the model would refuse is refused, and what is taken is known as taken", async () => {
    const database = await open();
    const add = (given: Partial<Hold>) =>
      inTransaction(database, (transaction) => HOLDS.add([order(given)], transaction));
    const id = newId();

    await expect(add({ description: "x".repeat(501) })).rejects.toThrow("more than 500 characters");
    await expect(add({ description: "🃏".repeat(500) })).resolves.toHaveLength(1);
    await expect(add({ state: "gone" as "open" })).rejects.toThrow(`state may not be "gone"`);
    await expect(add({ accountId: null as unknown as string })).rejects.toThrow("may not be null");
    await add({ id });
    expect(isTaken(await add({ id }).catch((error: unknown) => error))).toBe(true);
    expect(await Hold.count()).toBe(2);
  });
});
