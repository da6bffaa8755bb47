import { expect, test } from "vitest";
import { CARD_SHARDS, CARD_STATES } from "../../domain/cards.ts";
import { createFirstAdministrator } from "../../models/accounts.ts";
import {
  Card,
  CardCount,
  CardMachine,
  CardSeller,
  CardUse,
  CardWheel,
  countCards,
  sumCards,
} from "../../models/cards/index.ts";
import { type Database, inTransaction, isTaken } from "../../models/database.ts";
import { reachOf } from "../../api/policies/cards.ts";
import { newId } from "../../platform/crypto.ts";
import { makeBatch, makeCard, makePolicy, makeProduct } from "../support/cards.ts";
import { describeDatabases } from "../support/database.ts";

const taken = expect.toSatisfy(isTaken);

describeDatabases(({ open }) => {
  test("a code is there once, a machine has one slot, a use counts once, and all go with their card", async () => {
    const database = await open();
    const { id: cardId, codeHash } = await makeCard(database, { machineParts: ["a", "b"] });
    const machine = { cardId, slot: 1, machineCode: "PC-1" };
    await CardMachine.create(machine);
    await CardUse.create({ cardId, useId: "one" });

    await expect(makeCard(database, { codeHash })).rejects.toEqual(taken);
    await expect(CardMachine.create({ ...machine, slot: 2 })).rejects.toEqual(taken);
    await expect(CardMachine.create({ ...machine, machineCode: "PC-2" })).rejects.toEqual(taken);
    await expect(CardUse.create({ cardId, useId: "one" })).rejects.toEqual(taken);
    expect(await Card.findByPk(cardId)).toMatchObject({
      state: "unused",
      machineParts: ["a", "b"],
      machines: 0,
      expireAt: null,
    });

    await Card.destroy({ where: { id: cardId } });

    expect(await CardMachine.count()).toBe(0);
    expect(await CardUse.count()).toBe(0);
  });

  test("the counts are what counting anew would find, whoever changes them at once", async () => {
    const database = await open();
    const product = await makeProduct();
    const batch = await makeBatch({ productId: product.id, policyId: (await makePolicy()).id });
    const terms = { productId: product.id, batchId: batch.id };
    const cards = await Promise.all(
      Array.from({ length: 24 }, (_, index) => makeCard(database, index % 2 ? terms : {})),
    );

    await Promise.all(cards.slice(0, 20).map((card) => activate(database, card)));

    expect(await sumCards()).toEqual({ ...(await countAnew()), deleted: 0 });
    expect(await sumCards([product.id])).toMatchObject({ unused: 2, active: 10 });
    expect(await sumCards([null])).toMatchObject({ unused: 2, active: 10 });
    expect(await CardCount.count({ where: { productId: product.id } })).toBeGreaterThan(1);
  });

  test("every shard has its wheel", async () => {
    await open();

    const wheels = await CardWheel.findAll();

    expect(wheels.map(({ shard }) => Number(shard)).sort((one, other) => one - other)).toEqual([
      ...Array(CARD_SHARDS).keys(),
    ]);
  });

  test("who sells a product reaches it and no other; who oversees them reaches all", async () => {
    const database = await open();
    const sold = await makeProduct();
    await makeProduct();
    const accountId = newId();
    const account = { id: accountId, username: "shop", passwordHash: "-" };
    await createFirstAdministrator(database, account);
    await CardSeller.create({ productId: sold.id, accountId });
    const actor = { accountId, name: "shop", permissions: ["cards:read"] } as const;

    expect(await reachOf(actor)).toEqual([sold.id]);
    expect(await reachOf({ ...actor, accountId: newId() })).toEqual([]);
    expect(await reachOf({ ...actor, permissions: ["cards:oversee"] })).toBeUndefined();
  });
});

function activate(database: Database, { id, productId, shard }: Card): Promise<void> {
  return inTransaction(database, async (transaction) => {
    await Card.update({ state: "active" }, { where: { id }, transaction });
    await countCards(productId, { unused: -1, active: 1 }, shard, transaction);
  });
}

async function countAnew() {
  const counted = await Promise.all(
    CARD_STATES.map(async (state) => [state, await Card.count({ where: { state } })] as const),
  );
  return Object.fromEntries(counted);
}
