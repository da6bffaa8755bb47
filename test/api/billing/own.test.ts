import { describe, expect, test } from "vitest";
import { IdempotencyKey } from "../../../models/operations.ts";
import {
  makePerson,
  registerByMail,
  startWithAdmin,
  startWithMessages,
} from "../../support/accounts.ts";
import { NOBODY, startApi } from "../../support/api.ts";
import { adjust, capture, hold } from "../../support/ledger.ts";

const YUAN = 100;

describe("GET /api/v1/users/balance", () => {
  test("shows what is free to spend, as text with two decimals", async () => {
    const api = await startWithAdmin();
    const ann = await makePerson(api);
    expect((await ann.call("GET", "/api/v1/users/balance")).body).toEqual({ balance: "0.00" });

    await adjust(api.services.database, ann.id, 100 * YUAN);
    await hold(api.services.database, ann.id, 12.5 * YUAN);

    const { status, body } = await ann.call("GET", "/api/v1/users/balance");
    expect({ status, body }).toEqual({ status: 200, body: { balance: "87.50" } });
  });

  test("is no business of somebody who is not signed in", async () => {
    const api = await startApi();

    const { status, headers } = await api.call(NOBODY, "GET", "/api/v1/users/balance");

    expect(status).toBe(401);
    expect(headers.get("www-authenticate")).toBe("Bearer");
  });

  test("stands as a number in the user of a sign-in, and as text in the user's own account", async () => {
    const api = await startWithMessages({ env: { WELCOME_CREDIT_FEN: "250" } });

    const registered = (await registerByMail(api)).body;

    expect(registered.user.balance).toBe(2.5);
    const me = await api.call(NOBODY, "GET", "/api/v1/users/me", {
      headers: { Authorization: `Bearer ${registered.access_token}` },
    });
    expect(me.body.balance).toBe("2.50");
  });
});

describe("POST /api/v1/users/recharge", () => {
  test("is accepted and counts for nothing until somebody has seen the money", async () => {
    const api = await startWithAdmin();
    const ann = await makePerson(api);

    const { status, body } = await ann.call("POST", "/api/v1/users/recharge", { amount: "50.00" });

    expect(status).toBe(202);
    expect(body).toEqual({ recharge_id: expect.any(String), status: "pending" });
    expect((await ann.call("GET", "/api/v1/users/balance")).body.balance).toBe("0.00");
  });

  test("is there at once where RECHARGE_DIRECT says so, and answers the user", async () => {
    const api = await startWithAdmin({ env: { RECHARGE_DIRECT: "on" } });
    const ann = await makePerson(api);

    const { status, body } = await ann.call("POST", "/api/v1/users/recharge", { amount: 12.3 });

    expect(status).toBe(200);
    expect(body).toMatchObject({ id: ann.id, balance: "12.30" });
    const told = (await ann.call("GET", "/api/v1/users/transactions")).body;
    expect(told.transactions).toMatchObject([
      { type: "recharge", amount: "12.30", description: "Account recharge" },
    ]);
  });

  test("is paid in once for an Idempotency-Key, though its answer was lost with the API", async () => {
    const api = await startWithAdmin({ env: { RECHARGE_DIRECT: "on" } });
    const ann = await makePerson(api);
    const headers = { Authorization: `Bearer ${ann.token}`, "Idempotency-Key": "once" };
    const payIn = (amount = "5") =>
      api.call(undefined, "POST", "/api/v1/users/recharge", { json: { amount }, headers });

    await payIn();
    await IdempotencyKey.destroy({ where: {} });
    const again = await payIn();

    await IdempotencyKey.destroy({ where: {} });
    const other = await payIn("6");

    expect(again.body).toMatchObject({ id: ann.id, balance: "5.00" });
    expect([other.status, other.body.code]).toEqual([409, "billing/operation-taken"]);
  });

  test("is a person's own: an API key neither pays in nor sees the money", async () => {
    const api = await startWithAdmin();
    const ann = await makePerson(api);
    const { key } = (
      await ann.call("POST", "/api/v1/api-keys", { name: "ci", scopes: ["packages:read"] })
    ).body;
    const asKey = async (method: string, path: string, json?: unknown) =>
      (await api.call(undefined, method, path, { json, headers: { "X-API-Key": key } })).status;

    expect(await asKey("POST", "/api/v1/users/recharge", { amount: "5" })).toBe(403);
    for (const path of ["balance", "transactions", "bills"]) {
      expect(await asKey("GET", `/api/v1/users/${path}`), path).toBe(403);
    }
  });

  test("needs an amount above nothing that is no finer than a fen", async () => {
    const api = await startWithAdmin();
    const ann = await makePerson(api);
    const issuesOf = async (amount: unknown) => {
      const answer = await ann.call("POST", "/api/v1/users/recharge", { amount });
      return [answer.status, answer.body.issues?.[0].message];
    };

    expect(await issuesOf(1.234)).toEqual([422, "金额最多保留2位小数"]);
    expect(await issuesOf("0")).toEqual([422, "must be an amount above 0, at most 99999999.99"]);
    expect(await issuesOf("-5")).toEqual([422, "must be an amount above 0, at most 99999999.99"]);
    expect(await issuesOf("100000000")).toEqual([
      422,
      "must be an amount above 0, at most 99999999.99",
    ]);
    expect(await issuesOf("money")).toEqual([
      422,
      "must be an amount above 0, at most 99999999.99",
    ]);
  });
});

describe("GET /api/v1/users/transactions", () => {
  test("tells of recharges and charges, newest first, and of no holds", async () => {
    const api = await startWithAdmin();
    const ann = await makePerson(api);
    const { database } = api.services;
    await adjust(database, ann.id, 100 * YUAN);
    await capture(database, await hold(database, ann.id, 30 * YUAN), 20 * YUAN, {
      description: "A film",
    });

    const { body } = await ann.call("GET", "/api/v1/users/transactions");

    expect(body).toMatchObject({ total: 2, skip: 0, limit: 20 });
    expect(body.transactions).toEqual([
      {
        id: expect.any(String),
        user_id: ann.id,
        type: "consume",
        amount: "-20.00",
        balance_after: "70.00",
        description: "A film",
        created_at: expect.any(String),
      },
      expect.objectContaining({ type: "adjustment", amount: "100.00", balance_after: "100.00" }),
    ]);
  });

  test("leaves out as many as it is told, and shows only the caller's own", async () => {
    const api = await startWithAdmin();
    const [ann, ben] = [await makePerson(api, "user", "ann"), await makePerson(api, "user", "ben")];
    for (const fen of [1, 2, 3, 4, 5]) await adjust(api.services.database, ann.id, fen);
    const amounts = async (query: string) =>
      (await ann.call("GET", `/api/v1/users/transactions?${query}`)).body.transactions.map(
        ({ amount }: { amount: string }) => amount,
      );

    expect(await amounts("skip=1&limit=2")).toEqual(["0.04", "0.03"]);
    expect(await amounts("skip=4&limit=2")).toEqual(["0.01"]);
    expect(await amounts("skip=9")).toEqual([]);
    const of = await ben.call("GET", "/api/v1/users/transactions");
    expect(of.body).toEqual({ transactions: [], total: 0, skip: 0, limit: 20 });
    expect((await ann.call("GET", "/api/v1/users/transactions?limit=101")).status).toBe(422);
  });
});

describe("GET /api/v1/users/bills", () => {
  test("shows what was charged, for which task", async () => {
    const api = await startWithAdmin();
    const ann = await makePerson(api);
    const { database } = api.services;
    await adjust(database, ann.id, 100 * YUAN);
    const held = await hold(database, ann.id, 30 * YUAN, { taskId: "task-1" });
    await capture(database, held, 20 * YUAN);

    const { body } = await ann.call("GET", "/api/v1/users/bills");

    expect(body).toMatchObject({ total: 1, skip: 0, limit: 20 });
    expect(body.bills).toEqual([
      {
        id: expect.any(String),
        user_id: ann.id,
        task_id: "task-1",
        amount: "20.00",
        description: null,
        created_at: expect.any(String),
      },
    ]);
  });
});

describe("GET /api/v1/billing/estimate", () => {
  test("says what a usage costs now, and by which version of the prices", async () => {
    const api = await startWithAdmin();
    const ann = await makePerson(api);

    const { body } = await ann.call("GET", "/api/v1/billing/estimate?frames=4&bytes_in=5");

    expect(body).toEqual({ amount: "2.00", price_version: 1 });
    for (const frames of ["-1", "", "%20", "1.5", "0x10", "1e3", "4&frames=5"]) {
      const path = `/api/v1/billing/estimate?bytes_in=5&frames=${frames}`;
      expect((await ann.call("GET", path)).status, frames).toBe(422);
    }
    const endless = await ann.call("GET", "/api/v1/billing/estimate?frames=9007199254740991");
    expect([endless.status, endless.body.code]).toEqual([422, "billing/usage-too-large"]);
  });
});
