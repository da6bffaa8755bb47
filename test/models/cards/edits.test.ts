import { expect, test } from "vitest";
import {
  Card,
  CardMachine,
  deleteCard,
  editCard,
  endDueCards,
  lookAtCard,
  removeDeletedCards,
  restoreCard,
  sumCards,
} from "../../../models/cards/index.ts";
import { AuditEntry, OutboxEntry } from "../../../models/operations.ts";
import { ADMIN } from "../../support/api.ts";
import { makeCard, makePolicy, makeProduct, show } from "../../support/cards.ts";
import { describeDatabases } from "../../support/database.ts";

const ASKER = {
  actor: ADMIN,
  address: "127.0.0.1",
  requestId: "r",
  reason: undefined,
  mostRuns: 100,
};
const DAY = 86_400;
const inMs = (ms: number) => new Date(Date.now() + ms);
const taken = expect.objectContaining({ name: "SequelizeUniqueConstraintError" });
const commands = async () =>
  (await OutboxEntry.findAll({ order: [["id", "ASC"]] })).map(
    ({ workflowId, command }) => `${workflowId.split("/")[0]} ${command?.update ?? "start"}`,
  );

describeDatabases(({ open }) => {
  test("a deleted card is nobody's, keeps its code, has no timer, and is restored as it was", async () => {
    const database = await open();
    const policy = await makePolicy({ noticeSeconds: 60, maxMachines: 2 });
    const card = await makeCard(database, { policyId: policy.id });
    for (const machineCode of ["PC-1", "PC-2"]) await show(database, card, { machineCode });
    const before = (await card.reload()).get();

    await deleteCard(database, card.id, ASKER);

    expect(await show(database, card)).toBeUndefined();
    await expect(makeCard(database, { codeHash: card.codeHash })).rejects.toEqual(taken);
    expect(await sumCards()).toMatchObject({ active: 0, deleted: 1 });
    expect(await lookAtCard(database, card.id)).toBeNull();
    expect(await card.reload()).toMatchObject({ dueAt: null, timer: null, state: "active" });
    await expect(deleteCard(database, card.id, ASKER)).rejects.toThrow("There is no such card.");

    await restoreCard(database, card.id, 30 * DAY, ASKER);

    const { updatedAt: _, ...rest } = before;
    expect((await card.reload()).get()).toMatchObject(rest);
    expect(await show(database, card, { machineCode: "PC-2" })).toMatchObject({ machines: 2 });
    expect(await sumCards()).toMatchObject({ active: 1, deleted: 0 });
    expect(await commands()).toEqual(["card start", "card look", "card look"]);
    const actions = await AuditEntry.findAll({ order: [["sequence", "ASC"]] });
    expect(actions.map(({ action }) => action)).toEqual(["cards.deleted", "cards.restored"]);
  });

  test("a card whose time went by while it was deleted comes back expired; after its days it does not", async () => {
    const database = await open();
    const due = { state: "active", timer: "wheel", machineCode: "PC-1", machines: 1 } as const;
    const card = await makeCard(database, { ...due, expireAt: inMs(50), dueAt: inMs(50) });
    await deleteCard(database, card.id, ASKER);
    await card.update({ expireAt: inMs(-1) });
    expect(await endDueCards(database, card.shard)).toBe(0);

    await restoreCard(database, card.id, DAY, ASKER);

    expect(await card.reload()).toMatchObject({ state: "expired", dueAt: null, timer: null });
    expect(await sumCards()).toMatchObject({ active: 0, expired: 1, deleted: 0 });
    await deleteCard(database, card.id, ASKER);
    await card.update({ deletedAt: inMs(-DAY * 1000) });
    await expect(restoreCard(database, card.id, DAY, ASKER)).rejects.toThrow("no such card");
  });

  test("what was deleted long ago is removed with all it has, and is counted no more", async () => {
    const database = await open();
    const product = await makeProduct();
    const [old, young] = [
      await makeCard(database, { productId: product.id }),
      await makeCard(database),
    ];
    const kept = await makeCard(database);
    await CardMachine.create({ cardId: old.id, slot: 1, machineCode: "PC-1" });
    for (const { id } of [old, young]) await deleteCard(database, id, ASKER);
    await Card.update({ deletedAt: inMs(-2 * DAY * 1000) }, { where: { id: old.id } });

    expect(await removeDeletedCards(database, inMs(-DAY * 1000))).toBe(1);
    expect(await removeDeletedCards(database, inMs(-DAY * 1000))).toBe(0);

    const left = await Card.findAll({ order: [["id", "ASC"]] });
    expect(left.map(({ id }) => id)).toEqual([young.id, kept.id]);
    expect(await CardMachine.count()).toBe(0);
    expect(await sumCards()).toMatchObject({ unused: 1, deleted: 1 });
    expect(await sumCards([product.id])).toMatchObject({ deleted: 0 });
    expect(await AuditEntry.count({ where: { action: "cards.removed" } })).toBe(1);
  });

  test("an unused card goes over to another product and policy, as if it had been made by it", async () => {
    const database = await open();
    const product = await makeProduct();
    const terms = {
      startBasis: "creation",
      termSeconds: 7200,
      noticeSeconds: 60,
      uses: 5,
    } as const;
    const policy = await makePolicy(terms);
    const card = await makeCard(database);

    const edit = { policyId: policy.id, productId: product.id, note: "gift" };
    await editCard(database, card.id, edit, ASKER);

    const end = card.createdAt.getTime() + 7_200_000;
    expect(await card.reload()).toMatchObject({
      ...edit,
      usesLeft: 5,
      expireAt: new Date(end),
      dueAt: new Date(end - 60_000),
      timer: "wheel",
    });
    expect(await commands()).toEqual(["card-wheel turn"]);
    expect(await sumCards([product.id])).toMatchObject({ unused: 1 });
    expect(await sumCards([null])).toMatchObject({ unused: 0 });
    await editCard(database, card.id, { policyId: null }, ASKER);
    expect(await card.reload()).toMatchObject({ expireAt: null, dueAt: null, usesLeft: null });
    await show(database, card);
    const used = editCard(database, card.id, { productId: null }, ASKER);
    await expect(used).rejects.toMatchObject({ type: "cards/unfit-state" });
    await expect(editCard(database, card.id, { note: "x" }, ASKER, card)).rejects.toMatchObject({
      type: "request/precondition-failed",
    });
  });
});
