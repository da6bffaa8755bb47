import { expect, test } from "vitest";
import {
  abandonHold,
  adjustBalance,
  checkBalances,
  confirmRecharge,
  endAbandonedHolds,
  expireRecharge,
  extendHold,
  findHold,
  freeBalance,
  grantWelcome,
  Hold,
  inLedger,
  LedgerBalance,
  LedgerEntry,
  quote,
  rechargeDirectly,
  refundCapture,
  rejectRecharge,
  releaseHold,
  requestRecharge,
  setPrices,
  settleRecharge,
  settleShortfall,
  Shortfall,
} from "../../models/billing/index.ts";
import { FIRST_PRICES } from "../../domain/billing.ts";
import { type Database, inTransaction } from "../../models/database.ts";
import { AuditEntry } from "../../models/operations.ts";
import { newId } from "../../platform/crypto.ts";
import { describeDatabases } from "../support/database.ts";
import { accountsOf, capture, hold, makePurse, sumOfAll } from "../support/ledger.ts";
import { tryRandomSequences } from "../support/suites/ledger.ts";
import { ORIGIN } from "../support/webhooks.ts";

const SEQUENCES = 300;

const refused = (type: string) => expect.objectContaining({ type: `billing/${type}` });
const transactionsOf = (accountId: string) =>
  LedgerEntry.findAll({
    where: { accountId },
    order: [["transactionNumber", "ASC"]],
  }).then((entries) => entries.filter(({ transactionNumber }) => transactionNumber !== null));
const order = (accountId: string, amountFen: number) => ({
  id: newId(),
  accountId,
  amountFen,
  description: "Account recharge",
});
const abandon = (database: Database, { id }: Pick<Hold, "id">, now: Date) =>
  inLedger(database, (transaction) => abandonHold(id, transaction, now));
const release = (database: Database, { id }: Pick<Hold, "id">) =>
  inLedger(database, (transaction) => releaseHold(id, transaction));
const refund = (
  database: Database,
  { id: holdId }: Pick<Hold, "id">,
  amountFen: number,
  operationId = newId(),
) =>
  inLedger(database, (transaction) =>
    refundCapture({ operationId, holdId, amountFen, description: "sorry" }, transaction),
  );
const settle = (database: Database, { id }: Shortfall) =>
  inLedger(database, (transaction) => settleShortfall(id, transaction));

describeDatabases(({ open }) => {
  test("of 200 holds at once on what covers 10 exactly 10 succeed, and all entries are nothing together", async () => {
    const database = await open();
    const accountId = await makePurse(database, 1000);
    expect(await sumOfAll()).toBe(0);

    const ended = await Promise.allSettled(
      Array.from({ length: 200 }, () => hold(database, accountId, 100)),
    );

    expect(ended.filter(({ status }) => status === "fulfilled")).toHaveLength(10);
    const refusals = ended.filter((one) => one.status === "rejected");
    expect(refusals.map(({ reason }) => reason as Error)).toEqual(
      Array.from({ length: 190 }, () => refused("insufficient-balance")),
    );
    expect(await sumOfAll()).toBe(0);
    expect(await accountsOf(accountId)).toMatchObject({
      cached: { free: 0, held: 1000 },
      summed: { free: 0, held: 1000 },
      kept: 1000,
    });
  });

  test("the same operation 50 times at once is one entry, and all are answered the same", async () => {
    const database = await open();
    const accountId = await makePurse(database, 1000);
    const holdId = newId();
    const times = Array.from({ length: 50 });
    const adjustment = { operationId: newId(), accountId, amountFen: 7, reason: "again" };

    const holds = await Promise.all(times.map(() => hold(database, accountId, 600, { holdId })));
    const operationId = newId();
    const captured = await Promise.all(
      times.map(() => capture(database, holds[0]!, 500, { operationId })),
    );
    await Promise.all(times.map(() => adjustBalance(database, adjustment, ORIGIN)));

    expect(new Set(holds.map(({ id }) => id))).toEqual(new Set([holdId]));
    expect(new Set(captured.map((one) => JSON.stringify(one))).size).toBe(1);
    expect(await LedgerEntry.count({ where: { operationId, book: "revenue" } })).toBe(1);
    expect(await accountsOf(accountId)).toMatchObject({ cached: { free: 507, held: 0 } });
    expect(await AuditEntry.count({ where: { action: "billing.balance-adjusted" } })).toBe(2);
  });

  test("an id that stands for something else is refused", async () => {
    const database = await open();
    const [one, other] = [await makePurse(database, 1000), await makePurse(database, 1000)];
    const held = await hold(database, one, 100);
    const operationId = newId();
    await capture(database, held, 50, { operationId });
    const wrong = { operationId, accountId: other, amountFen: 50, reason: "wrong" };

    await expect(hold(database, other, 100, { holdId: held.id })).rejects.toEqual(
      refused("operation-taken"),
    );
    await expect(capture(database, held, 60, { operationId })).rejects.toEqual(
      refused("operation-taken"),
    );
    await expect(adjustBalance(database, wrong, ORIGIN)).rejects.toEqual(
      refused("operation-taken"),
    );
  });

  test("balances, transactions and bills follow what was done, and holds are no transactions", async () => {
    const database = await open();
    const accountId = newId();
    await rechargeDirectly(database, order(accountId, 10_000), ORIGIN);
    const held = await hold(database, accountId, 3000, { taskId: "task", description: "A film" });
    expect(await freeBalance(accountId)).toBe(7000);

    await capture(database, held, 2000);
    await refund(database, held, 500);

    expect(await freeBalance(accountId)).toBe(8500);
    expect(await transactionsOf(accountId)).toMatchObject([
      { kind: "recharge", amountFen: -10_000, balanceAfterFen: 10_000, transactionNumber: 1 },
      { kind: "capture", amountFen: 2000, transactionNumber: 2, billNumber: 1, taskId: "task" },
      { kind: "refund", amountFen: -500, balanceAfterFen: 8500, transactionNumber: 3 },
    ]);
    expect(await findHold(held.id)).toMatchObject({ state: "captured", remainingFen: 0 });
  });

  test("a hold may be charged in parts, and its rest is free when the last one came", async () => {
    const database = await open();
    const accountId = await makePurse(database, 1000);
    const held = await hold(database, accountId, 600);

    await capture(database, held, 100, { isFinal: false });
    await capture(database, held, 200);

    expect(await accountsOf(accountId)).toMatchObject({ cached: { free: 700, held: 0 } });
    await expect(capture(database, held, 1)).rejects.toEqual(refused("hold-ended"));
    expect(await capture(database, held, 0)).toEqual({ chargedFen: 0, missingFen: 0 });
  });

  test("a charge above its hold takes the rest from the balance; what is missing is owed until it is settled", async () => {
    const database = await open();
    const accountId = await makePurse(database, 150);
    const held = await hold(database, accountId, 100);

    const captured = await capture(database, held, 180, { operationId: "late" });

    expect(captured).toEqual({ chargedFen: 150, missingFen: 30 });
    const [owed] = await Shortfall.findAll();
    expect(owed).toMatchObject({ accountId, amountFen: 30, state: "open", operationId: "late" });
    await expect(settle(database, owed!)).rejects.toEqual(refused("shortfall-not-covered"));
    expect(await Shortfall.count({ where: { state: "open" } })).toBe(1);
    await rechargeDirectly(database, order(accountId, 100), ORIGIN);
    await settle(database, owed!);
    await expect(settle(database, owed!)).rejects.toEqual(refused("shortfall-settled"));
    expect(await freeBalance(accountId)).toBe(70);
    expect(await findHold(held.id)).toMatchObject({ capturedFen: 180 });
  });

  test("a hold whose time has come is abandoned, unless it was extended; its work may still be charged", async () => {
    const database = await open();
    const accountId = await makePurse(database, 1000);
    const now = new Date();
    const at = (seconds: number) => new Date(now.getTime() + seconds * 1000);
    const held = await hold(database, accountId, 600, { expiresAt: at(60) });
    const extend = (expiresAt: Date, when: Date) =>
      inTransaction(database, (transaction) =>
        extendHold({ holdId: held.id, expiresAt }, transaction, when),
      );

    await extend(at(120), at(59));
    await extend(at(90), at(59));
    expect((await abandon(database, held, at(119))).state).toBe("open");
    await expect(extend(at(240), at(121))).rejects.toEqual(refused("hold-ended"));
    const ended = await abandon(database, held, at(120));
    await abandon(database, held, at(500));

    expect(ended).toMatchObject({ state: "abandoned", remainingFen: 0 });
    expect(await freeBalance(accountId)).toBe(1000);
    await capture(database, held, 300);
    expect(await freeBalance(accountId)).toBe(700);
    expect(await findHold(held.id)).toMatchObject({ state: "captured" });
  });

  test("holds whose time has come are ended by whoever looks first, all others stay", async () => {
    const database = await open();
    const accountId = await makePurse(database, 1000);
    const due = { expiresAt: new Date(Date.now() - 1) };
    await hold(database, accountId, 100, due);
    await hold(database, accountId, 200, due);
    const kept = await hold(database, accountId, 300);

    await Promise.all([endAbandonedHolds(database), endAbandonedHolds(database)]);

    expect(await accountsOf(accountId)).toMatchObject({ cached: { free: 700, held: 300 } });
    expect((await findHold(kept.id)).state).toBe("open");
    expect(await Hold.count({ where: { state: "abandoned" } })).toBe(2);
  });

  test("a hold is released once, and what was released cannot be charged", async () => {
    const database = await open();
    const accountId = await makePurse(database, 1000);
    const held = await hold(database, accountId, 600);

    await Promise.all([release(database, held), release(database, held)]);

    expect(await accountsOf(accountId)).toMatchObject({ cached: { free: 1000, held: 0 } });
    await expect(capture(database, held, 1)).rejects.toEqual(refused("hold-ended"));
  });

  test("no more is given back than was charged, however many ask at once", async () => {
    const database = await open();
    const accountId = await makePurse(database, 1000);
    const held = await hold(database, accountId, 600);
    await capture(database, held, 600);

    const ended = await Promise.allSettled(
      Array.from({ length: 10 }, () => refund(database, held, 250)),
    );

    expect(ended.filter(({ status }) => status === "fulfilled")).toHaveLength(2);
    expect(await freeBalance(accountId)).toBe(900);
    await expect(refund(database, held, 101)).rejects.toEqual(refused("refund-above-charge"));
  });

  test("a recharge counts when it is confirmed, once, however often and by however many", async () => {
    const database = await open();
    const accountId = newId();
    const manual = { method: "manual" } as const;
    const { id } = await requestRecharge(database, { ...order(accountId, 500), ...manual }, ORIGIN);
    expect(await freeBalance(accountId)).toBe(0);

    const ended = await Promise.allSettled(
      Array.from({ length: 5 }, () => confirmRecharge(database, id, ORIGIN)),
    );

    expect(ended.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await freeBalance(accountId)).toBe(500);
    await expect(rejectRecharge(database, id, "late", ORIGIN)).rejects.toEqual(
      refused("recharge-decided"),
    );
  });

  test("what a provider took counts once, whatever was said before, and is never another amount", async () => {
    const database = await open();
    const accountId = newId();
    const asked = { ...order(accountId, 500), method: "alipay" } as const;
    const recharge = await requestRecharge(database, asked, ORIGIN);
    await expireRecharge(database, recharge.id);
    const paid = { id: recharge.id, amountFen: 500, reference: "2026112122001" };
    const settle = (given = paid) => settleRecharge(database, given, ORIGIN);

    await expect(settle({ ...paid, amountFen: 1 })).rejects.toEqual(refused("payment-differs"));
    const settled = await Promise.all(Array.from({ length: 10 }, () => settle()));

    expect(new Set(settled.map(({ state }) => state))).toEqual(new Set(["paid"]));
    expect(await freeBalance(accountId)).toBe(500);
    expect((await expireRecharge(database, recharge.id)).state).toBe("paid");
    expect(await AuditEntry.count({ where: { action: "billing.recharge-paid" } })).toBe(1);
  });

  test("a rejected recharge brings nothing, and says why", async () => {
    const database = await open();
    const accountId = newId();
    const manual = { method: "manual" } as const;
    const { id } = await requestRecharge(database, { ...order(accountId, 500), ...manual }, ORIGIN);

    const rejected = await rejectRecharge(database, id, "no money came", ORIGIN);

    expect(rejected).toMatchObject({ state: "rejected", reason: "no money came" });
    expect(await freeBalance(accountId)).toBe(0);
    await expect(confirmRecharge(database, newId(), ORIGIN)).rejects.toEqual(
      refused("recharge-not-found"),
    );
  });

  test("a balance is never adjusted below nothing, and every adjustment stands in the audit", async () => {
    const database = await open();
    const accountId = await makePurse(database, 100);
    const adjustment = { operationId: newId(), accountId, reason: "found an error" };

    await expect(
      adjustBalance(database, { ...adjustment, amountFen: -101 }, ORIGIN),
    ).rejects.toEqual(refused("insufficient-balance"));
    expect(await adjustBalance(database, { ...adjustment, amountFen: -100 }, ORIGIN)).toBe(0);

    const [last] = await AuditEntry.findAll({ order: [["sequence", "DESC"]], limit: 1 });
    expect(last).toMatchObject({
      action: "billing.balance-adjusted",
      subjectId: accountId,
      after: { amount_fen: -100, reason: "found an error" },
    });
  });

  test("a welcome credit is granted once with the account, and nothing is no entry", async () => {
    const database = await open();
    const accountId = newId();
    const grant = (amountFen: number) =>
      inTransaction(database, (transaction) => grantWelcome({ accountId, amountFen }, transaction));

    await grant(0);
    expect(await LedgerEntry.count()).toBe(0);
    await grant(300);
    await grant(300);

    expect(await freeBalance(accountId)).toBe(300);
    await expect(grant(400)).rejects.toMatchObject({
      type: "billing/operation-taken",
      message: "operation_id 已被其他账务事件占用",
    });
  });

  test("prices have versions, and what was quoted by one is charged by it for ever", async () => {
    const database = await open();
    const dearer = { ...FIRST_PRICES, microYuanPerFrame: 1_000_000 };

    const before = await quote({ frames: 3 });
    await setPrices(database, dearer, ORIGIN);

    expect(before).toEqual({ amountFen: 150, priceVersion: 1 });
    expect(await quote({ frames: 3 })).toEqual({ amountFen: 300, priceVersion: 2 });
    expect(await quote({ frames: 3 }, before.priceVersion)).toEqual(before);
    await expect(quote({ frames: 3 }, 3)).rejects.toEqual(refused("price-not-found"));
    const endless = quote({ frames: Number.MAX_SAFE_INTEGER });
    await expect(endless).rejects.toEqual(refused("usage-too-large"));
  });

  test("prices that are set at the same moment are versions one after the other", async () => {
    const database = await open();

    const set = await Promise.all(
      Array.from({ length: 8 }, () => setPrices(database, FIRST_PRICES, ORIGIN)),
    );

    const versions = set.map(({ version }) => version).sort((one, other) => one - other);
    expect(versions).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test("the reconciliation finds no difference where there is none, in spans of any size", async () => {
    const database = await open();
    const accountIds = await Promise.all([100, 200, 0, 300].map((fen) => makePurse(database, fen)));
    for (const accountId of accountIds.slice(0, 2)) {
      const held = await hold(database, accountId, 50);
      await capture(database, held, 20, { isFinal: false });
    }

    for (const spanOperations of [1, 2, 1000]) {
      const differences = [];
      let accounts = 0;
      for (let after: string | null = ""; after !== null;) {
        const checked = await checkBalances(database, { after, spanOperations });
        differences.push(...checked.differences);
        accounts += checked.accounts;
        after = checked.after;
      }
      expect({ differences, accounts }).toEqual({ differences: [], accounts: 3 });
    }
  });

  test("the reconciliation finds whatever somebody changed behind the ledger's back", async () => {
    const database = await open();
    const [one, other] = [await makePurse(database, 100), await makePurse(database, 100)];
    const held = await hold(database, other, 40);
    await inTransaction(database, async (transaction) => {
      await LedgerBalance.update({ freeFen: 99 }, { where: { accountId: one }, transaction });
      await Hold.update({ remainingFen: 30 }, { where: { id: held.id }, transaction });
    });

    const { differences } = await checkBalances(database, { after: "" });

    expect(differences).toEqual([
      { accountId: one, what: "free", isFen: 99, shouldBeFen: 100 },
      { accountId: other, what: "holds", isFen: 30, shouldBeFen: 40 },
    ]);
  });

  test("the reconciliation is not misled by money that moves while it looks", async () => {
    const database = await open();
    const accountId = await makePurse(database, 10_000);
    const moving = (async () => {
      for (let n = 0; n < 20; n++) await capture(database, await hold(database, accountId, 10), 10);
    })();

    const found = [];
    for (let n = 0; n < 20; n++)
      found.push(...(await checkBalances(database, { after: "" })).differences);
    await moving;

    expect(found).toEqual([]);
  });

  test(`${SEQUENCES} random sequences lose no fen, go below nothing nowhere, and leave the cache equal to the sum`, async () => {
    const { failed, numRuns } = await tryRandomSequences(await open(), SEQUENCES);

    expect({ failed, numRuns }).toEqual({ failed: false, numRuns: SEQUENCES });
  });
});
