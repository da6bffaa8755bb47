import { describe, expect, test } from "vitest";
import { AuditEntry } from "../../../models/operations.ts";
import { newId } from "../../../platform/crypto.ts";
import { makePerson, startWithAdmin } from "../../support/accounts.ts";
import { adjust, capture, hold } from "../../support/ledger.ts";

async function start() {
  const api = await startWithAdmin();
  const [boss, ann] = [await makePerson(api, "admin", "boss"), await makePerson(api)];
  const balance = async () => (await ann.call("GET", "/api/v1/users/balance")).body.balance;
  const recharge = async (amount: string): Promise<string> =>
    (await ann.call("POST", "/api/v1/users/recharge", { amount })).body.recharge_id;
  return { api, boss, ann, balance, recharge, database: api.services.database };
}

const lastAudit = () => AuditEntry.findOne({ order: [["sequence", "DESC"]] });

describe("GET /api/v1/admin/recharges", () => {
  test("lists what waits for the money, newest first", async () => {
    const { boss, ann, recharge } = await start();
    const [first, second] = [await recharge("1"), await recharge("2")];
    await boss.call("POST", `/api/v1/admin/recharges/${first}/confirm`);

    const { body } = await boss.call("GET", "/api/v1/admin/recharges?status=pending");
    const all = await boss.call("GET", "/api/v1/admin/recharges?limit=1");

    expect(body.items).toMatchObject([
      { id: second, user_id: ann.id, amount: "2.00", method: "manual", status: "pending" },
    ]);
    expect(all.body.items).toMatchObject([{ id: second }]);
    const rest = await boss.call("GET", `/api/v1/admin/recharges?after=${all.body.next}`);
    expect(rest.body.items).toMatchObject([{ id: first, status: "paid", decided_by: "boss" }]);
    expect((await ann.call("GET", "/api/v1/admin/recharges")).status).toBe(403);
  });
});

describe("POST /api/v1/admin/recharges/:id/confirm", () => {
  test("makes the money count, once", async () => {
    const { boss, ann, balance, recharge } = await start();
    const id = await recharge("50");
    const path = `/api/v1/admin/recharges/${id}/confirm`;

    const { status, body } = await boss.call("POST", path);
    const again = await boss.call("POST", path);

    expect({ status, body }).toMatchObject({ status: 200, body: { id, status: "paid" } });
    expect([again.status, again.body.code]).toEqual([409, "billing/recharge-decided"]);
    expect(await balance()).toBe("50.00");
    expect((await ann.call("POST", path)).status).toBe(403);
    expect(await lastAudit()).toMatchObject({
      action: "billing.recharge-confirmed",
      actorName: "boss",
      subjectId: id,
    });
  });

  test("knows no recharge that there is not", async () => {
    const { boss } = await start();

    const { status } = await boss.call("POST", `/api/v1/admin/recharges/${newId()}/confirm`);

    expect(status).toBe(404);
  });
});

describe("POST /api/v1/admin/recharges/:id/reject", () => {
  test("says why no money counts", async () => {
    const { boss, balance, recharge } = await start();
    const path = `/api/v1/admin/recharges/${await recharge("50")}/reject`;
    expect((await boss.call("POST", path, {})).status).toBe(422);

    const { body } = await boss.call("POST", path, { reason: "nothing came" });

    expect(body).toMatchObject({ status: "rejected", reason: "nothing came", decided_by: "boss" });
    expect(await balance()).toBe("0.00");
  });
});

describe("POST /api/v1/admin/users/:id/adjust-balance", () => {
  test("gives and takes with a reason, and the same operation once", async () => {
    const { boss, ann, balance } = await start();
    const path = `/api/v1/admin/users/${ann.id}/adjust-balance`;
    const gift = { amount: "10.00", reason: "a gift", operation_id: "gift-1" };

    await boss.call("POST", path, gift);
    const { body } = await boss.call("POST", path, gift);
    await boss.call("POST", path, { amount: -2.5, reason: "a mistake" });

    expect(body).toEqual({ balance: "10.00" });
    expect(await balance()).toBe("7.50");
    expect(await lastAudit()).toMatchObject({
      action: "billing.balance-adjusted",
      subjectId: ann.id,
      after: { amount_fen: -250, reason: "a mistake" },
    });
  });

  test("refuses to go below nothing, to do without a reason, and what an operation did not do", async () => {
    const { boss, ann } = await start();
    const path = `/api/v1/admin/users/${ann.id}/adjust-balance`;
    const refusalOf = async (json: object) => {
      const { status, body } = await boss.call("POST", path, json);
      return [status, body.detail];
    };
    await boss.call("POST", path, { amount: "1", reason: "a gift", operation_id: "x" });

    expect(await refusalOf({ amount: "-1.01", reason: "too much" })).toEqual([400, "余额不足"]);
    expect(await refusalOf({ amount: "2", reason: "another", operation_id: "x" })).toEqual([
      409,
      "operation_id 已被其他账务事件占用",
    ]);
    expect((await refusalOf({ amount: "1" }))[0]).toBe(422);
    expect((await refusalOf({ amount: "0", reason: "nothing" }))[0]).toBe(422);
    expect((await ann.call("POST", path, { amount: "1", reason: "mine" })).status).toBe(403);
    const nobody = `/api/v1/admin/users/${newId()}/adjust-balance`;
    expect((await boss.call("POST", nobody, { amount: "1", reason: "x" })).status).toBe(404);
  });
});

describe("GET /api/v1/admin/shortfalls", () => {
  test("lists what charges could not take", async () => {
    const { boss, ann, database } = await start();
    await adjust(database, ann.id, 100);
    const held = await hold(database, ann.id, 100);
    await capture(database, held, 130);

    const { body } = await boss.call("GET", "/api/v1/admin/shortfalls?status=open");

    expect(body.items).toMatchObject([
      { user_id: ann.id, hold_id: held.id, amount: "0.30", status: "open", settled_at: null },
    ]);
    const settled = await boss.call("GET", "/api/v1/admin/shortfalls?status=settled");
    expect(settled.body.items).toEqual([]);
  });
});

describe("POST /api/v1/admin/shortfalls/:id/reconcile", () => {
  test("takes what is owed once the balance covers it", async () => {
    const { boss, ann, balance, database } = await start();
    await adjust(database, ann.id, 100);
    await capture(database, await hold(database, ann.id, 100), 130);
    const [{ id }] = (await boss.call("GET", "/api/v1/admin/shortfalls")).body.items;
    const path = `/api/v1/admin/shortfalls/${id}/reconcile`;

    const early = await boss.call("POST", path);
    await adjust(database, ann.id, 50);
    const { status, body } = await boss.call("POST", path);
    const late = await boss.call("POST", path);

    expect([early.status, early.body.detail]).toEqual([403, "余额不足"]);
    expect([status, body.status]).toEqual([200, "settled"]);
    expect(late.status).toBe(409);
    expect(await balance()).toBe("0.20");
    expect((await boss.call("POST", path.replace(id, newId()))).status).toBe(404);
  });
});

const PRICES = {
  micro_yuan_per_frame: 1_000_000,
  micro_yuan_per_gb_in: 0,
  micro_yuan_per_gb_out: 2_000_000,
};

describe("GET /api/v1/admin/prices", () => {
  test("shows every version, the first of which came with the platform", async () => {
    const { boss } = await start();
    await boss.call("POST", "/api/v1/admin/prices", PRICES);

    const { body } = await boss.call("GET", "/api/v1/admin/prices");

    expect(body.items).toMatchObject([
      { version: 2, micro_yuan_per_frame: 1_000_000, set_by: "boss" },
      { version: 1, micro_yuan_per_frame: 500_000, set_by: "longhaul" },
    ]);
  });
});

describe("POST /api/v1/admin/prices", () => {
  test("adds a version by which everything is estimated from now on", async () => {
    const { boss, ann } = await start();

    const { status, body } = await boss.call("POST", "/api/v1/admin/prices", PRICES);

    expect(status).toBe(201);
    expect(body).toMatchObject({ ...PRICES, version: 2, minimum_bytes_out: 0, set_by: "boss" });
    const estimate = await ann.call("GET", "/api/v1/billing/estimate?frames=1&bytes_out=1");
    expect(estimate.body).toEqual({ amount: "1.01", price_version: 2 });
    expect(await lastAudit()).toMatchObject({ action: "billing.prices-set", subjectId: "2" });
  });

  test("needs whole numbers of micro-yuan", async () => {
    const { boss } = await start();
    const wrong = { ...PRICES, micro_yuan_per_frame: 0.5 };

    expect((await boss.call("POST", "/api/v1/admin/prices", wrong)).status).toBe(422);
  });
});

describe("GET /api/v1/admin/ledger", () => {
  test("shows both sides of everything, of all or of one", async () => {
    const { boss, ann, database } = await start();
    await adjust(database, ann.id, 100);
    const ben = newId();
    await adjust(database, ben, 200);

    const all = (await boss.call("GET", "/api/v1/admin/ledger")).body;
    const one = (await boss.call("GET", `/api/v1/admin/ledger?user_id=${ann.id}`)).body;

    expect(all.items).toHaveLength(4);
    expect(one.items).toMatchObject([
      { user_id: ann.id, kind: "adjustment", book: "free", amount: "1.00" },
      { user_id: ann.id, kind: "adjustment", book: "adjustments", amount: "-1.00" },
    ]);
    const half = await boss.call("GET", `/api/v1/admin/ledger?user_id=${ann.id}&limit=1`);
    const rest = `/api/v1/admin/ledger?user_id=${ann.id}&after=${half.body.next}`;
    expect((await boss.call("GET", rest)).body.items).toEqual(one.items.slice(1));
    expect((await ann.call("GET", "/api/v1/admin/ledger")).status).toBe(403);
  });
});
