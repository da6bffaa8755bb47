import { describe, expect, test } from "vitest";
import { AuditEntry } from "../../../models/operations.ts";
import { newId } from "../../../platform/crypto.ts";
import { makePerson, startWithAdmin } from "../../support/accounts.ts";
import { adjust } from "../../support/ledger.ts";

const HOLDS = "/api/v1/admin/holds";

/** An administrator, and somebody with ten yuan. */
async function start() {
  const api = await startWithAdmin();
  const [boss, ann] = [await makePerson(api, "admin", "boss"), await makePerson(api)];
  await adjust(api.services.database, ann.id, 1000);
  const balance = async () => (await ann.call("GET", "/api/v1/users/balance")).body.balance;
  const hold = (frames: number, given: object = {}) =>
    boss.call("POST", HOLDS, { user_id: ann.id, usage: { frames }, ...given });
  const act = (id: string, verb: string, json: object = {}) =>
    boss.call("POST", `${HOLDS}/${id}/${verb}`, json);
  return { boss, ann, balance, hold, act };
}

describe("GET /api/v1/admin/holds", () => {
  test("lists what is kept for whom and until when", async () => {
    const { boss, ann, hold, act } = await start();
    const { id } = (await hold(2)).body;
    const released = (await hold(3)).body;
    await act(released.id, "release");

    const { body } = await boss.call("GET", `${HOLDS}?status=open`);

    expect(body.items).toMatchObject([{ id, user_id: ann.id, remaining: "1.00", status: "open" }]);
    expect((await boss.call("GET", HOLDS)).body.items).toHaveLength(2);
    expect((await ann.call("GET", HOLDS)).status).toBe(403);
  });
});

describe("POST /api/v1/admin/holds", () => {
  test("keeps what the usage costs, by the newest version of the prices, once for each id", async () => {
    const { hold, balance } = await start();
    const id = newId();

    const { status, body } = await hold(4, { id, task_id: "task-1" });
    const again = await hold(4, { id, task_id: "task-1" });

    expect(status).toBe(201);
    expect(body).toMatchObject({ id, amount: "2.00", price_version: 1, task_id: "task-1" });
    expect(again.body.id).toBe(id);
    expect(await balance()).toBe("8.00");
  });

  test("charges by the version that an estimate named, though prices have changed since", async () => {
    const { boss, ann, hold } = await start();
    const usage = { frames: 4 };
    const { price_version, amount } = (await ann.call("GET", "/api/v1/billing/estimate?frames=4"))
      .body;
    await boss.call("POST", "/api/v1/admin/prices", {
      micro_yuan_per_frame: 9_000_000,
      micro_yuan_per_gb_in: 0,
      micro_yuan_per_gb_out: 0,
    });

    const { body } = await hold(4, { usage, price_version });

    expect(body).toMatchObject({ amount, price_version });
    expect((await hold(4, { price_version: 77 })).body.code).toBe("billing/price-not-found");
  });

  test("refuses what the balance does not cover, and strangers", async () => {
    const { hold, ann } = await start();

    const { status, body } = await hold(21);

    expect([status, body.code, body.detail]).toEqual([
      400,
      "billing/insufficient-balance",
      "余额不足",
    ]);
    expect((await hold(1, { user_id: newId() })).status).toBe(404);
    const own = { user_id: ann.id, usage: { frames: 1 } };
    expect((await ann.call("POST", HOLDS, own)).status).toBe(403);
    expect((await hold(1, { seconds: 0 })).status).toBe(422);
  });
});

describe("POST /api/v1/admin/holds/:id/capture", () => {
  test("charges for what was used at the prices of the hold, and gives the rest back", async () => {
    const { boss, ann, hold, act, balance } = await start();
    const { id } = (await hold(10, { task_id: "task-1", description: "A film" })).body;
    await boss.call("POST", "/api/v1/admin/prices", {
      micro_yuan_per_frame: 9_000_000,
      micro_yuan_per_gb_in: 0,
      micro_yuan_per_gb_out: 0,
    });

    const order = { usage: { frames: 6 }, operation_id: "film-1" };
    const { status, body } = await act(id, "capture", order);
    const again = await act(id, "capture", order);

    expect(status).toBe(200);
    expect(body).toMatchObject({ charged: "3.00", missing: "0.00", hold: { status: "captured" } });
    expect(again.body).toEqual(body);
    expect(await balance()).toBe("7.00");
    const { bills } = (await ann.call("GET", "/api/v1/users/bills")).body;
    expect(bills).toMatchObject([{ task_id: "task-1", amount: "3.00", description: "A film" }]);
  });

  test("says what was missing, and refuses a hold that has ended or never was", async () => {
    const { hold, act } = await start();
    const { id } = (await hold(10)).body;

    const { body } = await act(id, "capture", { usage: { frames: 30 } });
    const late = await act(id, "capture", { usage: { frames: 1 } });

    expect(body).toMatchObject({ charged: "10.00", missing: "5.00" });
    expect([late.status, late.body.code]).toEqual([409, "billing/hold-ended"]);
    expect((await act(newId(), "capture", { usage: {} })).status).toBe(404);
  });
});

describe("POST /api/v1/admin/holds/:id/release", () => {
  test("gives back what is kept, and twice is once", async () => {
    const { hold, act, balance } = await start();
    const { id } = (await hold(10)).body;

    await act(id, "release");
    const { status, body } = await act(id, "release");

    expect([status, body.status]).toEqual([200, "released"]);
    expect(await balance()).toBe("10.00");
    expect((await act(newId(), "release")).status).toBe(404);
  });
});

describe("POST /api/v1/admin/holds/:id/refund", () => {
  test("gives charged money back, no more than was charged", async () => {
    const { ann, hold, act, balance } = await start();
    const { id } = (await hold(10)).body;
    await act(id, "capture", { usage: { frames: 10 } });
    const refund = { amount: "2.00", reason: "a bad frame", operation_id: "r" };

    await act(id, "refund", refund);
    const { status, body } = await act(id, "refund", refund);
    const beyond = await act(id, "refund", { amount: "3.01", reason: "too much" });

    expect([status, body.refunded]).toEqual([200, "2.00"]);
    expect([beyond.status, beyond.body.code]).toEqual([409, "billing/refund-above-charge"]);
    expect(await balance()).toBe("7.00");
    const { transactions } = (await ann.call("GET", "/api/v1/users/transactions")).body;
    expect(transactions[0]).toMatchObject({ type: "refund", amount: "2.00" });
  });
});

test("what is ordered twice is done once, and stands in the audit once", async () => {
  const { hold, act } = await start();
  const [id, other] = [newId(), newId()];
  const capture = { usage: { frames: 6 }, operation_id: "film-1" };
  const refund = { amount: "1.00", reason: "a bad frame", operation_id: "r" };

  for (let times = 0; times < 2; times++) {
    await hold(8, { id });
    await hold(2, { id: other });
    await act(other, "release");
    await Promise.all([act(id, "capture", capture), act(id, "capture", capture)]);
    await act(id, "refund", refund);
  }

  const actions = (await AuditEntry.findAll()).map(({ action }) => action);
  const money = actions.filter((action) => /held|released|captured|refunded/.test(action));
  expect(money.sort()).toEqual([
    "billing.captured",
    "billing.held",
    "billing.held",
    "billing.refunded",
    "billing.released",
  ]);
});
