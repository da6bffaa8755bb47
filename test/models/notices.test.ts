import { expect, test } from "vitest";
import {
  Account,
  createFirstAdministrator,
  openSession,
  setPassword,
} from "../../models/accounts.ts";
import {
  adjustBalance,
  captureHold,
  confirmRecharge,
  holdFunds,
  inLedger,
  rejectRecharge,
  requestRecharge,
} from "../../models/billing/index.ts";
import { type CardCounts, CardSeller, countCards, tellSellers } from "../../models/cards/index.ts";
import { type Database, inTransaction } from "../../models/database.ts";
import { newId } from "../../platform/crypto.ts";
import { makeProduct } from "../support/cards.ts";
import { describeDatabases } from "../support/database.ts";
import { readFeed } from "../support/feeds.ts";

const ORIGIN = { actor: null };

async function makeAccount(database: Database): Promise<string> {
  const id = newId();
  await createFirstAdministrator(database, { id, username: "admin", passwordHash: "none" });
  return id;
}

const told = async (database: Database, accountId: string) => {
  const rows = await readFeed(database, accountId);
  return rows.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
};

describeDatabases(({ open }) => {
  test("people are told what was decided of their money, in both languages", async () => {
    const database = await open();
    const accountId = await makeAccount(database);
    const order = async () => {
      const terms = { id: newId(), accountId, amountFen: 1250, description: "" };
      return (await requestRecharge(database, { ...terms, method: "manual" }, ORIGIN)).id;
    };

    await confirmRecharge(database, await order(), ORIGIN);
    await rejectRecharge(database, await order(), "It never came.", ORIGIN);
    const adjustment = { operationId: newId(), accountId, amountFen: -250, reason: "Sorry." };
    await adjustBalance(database, adjustment, ORIGIN);
    await adjustBalance(database, adjustment, ORIGIN);

    expect(await told(database, accountId)).toMatchObject([
      { type: "success", title: "充值成功", message_en: "12.50 yuan were added to your balance." },
      { type: "warning", title_en: "Your recharge was rejected" },
      { type: "info", message: "管理员将您的余额调整了 -2.50 元：Sorry." },
    ]);
  });

  test("people are told that their password is another one", async () => {
    const database = await open();
    const accountId = await makeAccount(database);

    await setPassword(database, accountId, "another", null);

    expect(await told(database, accountId)).toMatchObject([
      { type: "warning", title: "密码已更改", title_en: "Your password was changed" },
    ]);
  });

  test("who is signed in from elsewhere is told, and not of what is known, nor of the first time", async () => {
    const database = await open();
    const accountId = await makeAccount(database);
    const account = (await Account.findByPk(accountId))!;
    const enter = async (address: string, userAgent: string) => {
      const session = { id: newId(), refreshHash: newId(), userAgent };
      const expiresAt = new Date(Date.now() + 60_000);
      await openSession(database, account, { ...session, expiresAt }, { actor: null, address });
    };

    await enter("192.0.2.1", "Firefox");
    await enter("192.0.2.1", "Firefox");
    expect(await told(database, accountId)).toEqual([]);
    await enter("192.0.2.2", "Firefox");
    await enter("192.0.2.2", "Firefox");

    expect(await told(database, accountId)).toMatchObject([
      { type: "warning", title: "新的登录", action_url: "/api/v1/auth/sessions" },
    ]);
    const [{ message_en: said } = {}] = await told(database, accountId);
    expect(said).toContain("192.0.2.2 (Firefox)");
  });

  test("whoever a charge leaves little is told once, and holding money is no charge", async () => {
    const database = await open();
    const accountId = await makeAccount(database);
    const give = { operationId: newId(), accountId, amountFen: 1500, reason: "A start." };
    await adjustBalance(database, give, ORIGIN);
    const charge = async (amountFen: number) => {
      const holdId = newId();
      const expiresAt = new Date(Date.now() + 60_000);
      await inLedger(database, (transaction) =>
        holdFunds({ holdId, accountId, amountFen: 600, expiresAt }, transaction),
      );
      const before = (await told(database, accountId)).length;
      const order = { operationId: newId(), holdId, amountFen, isFinal: true };
      await inLedger(database, (transaction) => captureHold(order, transaction));
      return (await told(database, accountId)).slice(before);
    };

    expect(await charge(400)).toEqual([]);
    expect(await charge(200)).toMatchObject([
      {
        type: "warning",
        title_en: "Your balance is low",
        message: expect.stringContaining("9.00"),
      },
    ]);
    expect(await charge(100)).toEqual([]);
    const more = { operationId: newId(), accountId, amountFen: 300, reason: "More." };
    await adjustBalance(database, more, ORIGIN);
    expect(await charge(200)).toMatchObject([{ title: "余额不足提醒" }]);
  });

  test("sellers are told how their cards stand when that has changed, by whoever looks first", async () => {
    const database = await open();
    const [seller, other] = [await makeAccount(database), newId()];
    await Account.create({ id: other, username: "other", passwordHash: "none", role: "seller" });
    const [sold, unsold] = [await makeProduct("shop"), await makeProduct()];
    await CardSeller.bulkCreate(
      [seller, other].map((accountId) => ({ productId: sold.id, accountId })),
    );
    const change = (productId: string, by: Partial<CardCounts>) =>
      inTransaction(database, (transaction) => countCards(productId, by, 1, transaction));
    const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000);
    const everybody = (now: Date) => Promise.all([1, 2, 3].map(() => tellSellers(database, now)));

    await change(sold.id, { unused: 10, active: 2 });
    await everybody(inSeconds(0));
    expect(await told(database, seller)).toEqual([]);
    await change(sold.id, { unused: -3, active: 3 });
    await change(unsold.id, { active: 3 });
    await everybody(inSeconds(30));
    expect(await told(database, seller)).toEqual([]);
    await everybody(inSeconds(61));
    await change(sold.id, { active: -1, expired: 1, unused: 5 });
    await everybody(inSeconds(122));
    await everybody(inSeconds(183));

    for (const accountId of [seller, other]) {
      expect(await told(database, accountId)).toMatchObject([
        { type: "info", title: "卡密动态", message: "shop：使用中 5 (+3)" },
        {
          message_en: "shop: in use 4 (-1), over 1 (+1)",
          message: expect.stringContaining("已到期 1"),
        },
      ]);
    }
  });
});
