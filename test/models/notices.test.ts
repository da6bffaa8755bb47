import { expect, test } from "vitest";
import { createFirstAdministrator, setPassword } from "../../models/accounts.ts";
import {
  adjustBalance,
  confirmRecharge,
  rejectRecharge,
  requestRecharge,
} from "../../models/billing/index.ts";
import type { Database } from "../../models/database.ts";
import { framesAfter } from "../../models/feeds/index.ts";
import { newId } from "../../platform/crypto.ts";
import { describeDatabases } from "../support/database.ts";

const ORIGIN = { actor: null };

async function makeAccount(database: Database): Promise<string> {
  const id = newId();
  await createFirstAdministrator(database, { id, username: "admin", passwordHash: "none" });
  return id;
}

const told = async (database: Database, accountId: string) => {
  const rows = await framesAfter(database, accountId, 0);
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
});
