import { describe, expect, test } from "vitest";
import type { Actor } from "../../../domain/accounts.ts";
import { CardBatch } from "../../../models/cards/index.ts";
import { IdempotencyKey } from "../../../models/operations.ts";
import { newId } from "../../../platform/crypto.ts";
import { ADMIN, startApi, STRANGER } from "../../support/api.ts";
import { makeBatch, makePolicy, makeProduct, makeSeller } from "../../support/cards.ts";

const PATH = "/api/v1/cards/batches";
const ORDER = { prefix: "VIP", count: 10 };

/** Somebody who sells one product, and who somebody else's rights do not reach. */
async function openShop() {
  const api = await startApi();
  const [own, other] = [await makeProduct("own"), await makeProduct("other")];
  const seller = await makeSeller(own);
  return { api, seller, own, other };
}

describe("POST /api/v1/cards/batches", () => {
  test("answers where the batch is; the same key never orders twice", async () => {
    const api = await startApi();
    const policy = await makePolicy({ name: "three hours" });
    const json = { ...ORDER, policy: "three hours", code_length: 12, alphabet: "clear", note: "n" };
    const headers = { "Idempotency-Key": "one" };

    const {
      status,
      body,
      headers: answered,
    } = await api.call(ADMIN, "POST", PATH, { json, headers });
    const again = await api.call(ADMIN, "POST", PATH, { json, headers });

    expect(status).toBe(202);
    expect(answered.get("Location")).toBe(`${PATH}/${body.id}`);
    expect(body).toEqual({
      id: expect.any(String),
      status: "queued",
      generated: 0,
      count: 10,
      prefix: "VIP",
      code_length: 12,
      alphabet: "clear",
      policy: policy.name,
      product: null,
      note: "n",
      frozen: false,
      revoked: false,
      error: null,
      created_at: expect.any(String),
      completed_at: null,
    });
    expect(again.body).toEqual(body);
    expect(await CardBatch.count()).toBe(1);
    // Also when what was answered is forgotten.
    await IdempotencyKey.destroy({ where: {} });
    expect((await api.call(ADMIN, "POST", PATH, { json, headers })).body).toEqual(body);
    await IdempotencyKey.destroy({ where: {} });
    expect(
      await api.call(ADMIN, "POST", PATH, { json: { ...json, count: 11 }, headers }),
    ).toMatchObject({ status: 422, body: { code: "operations/idempotency-mismatch" } });
  });

  test.each([
    [{ prefix: "" }],
    [{ prefix: "a-b" }],
    [{ prefix: "seventeen_letters" }],
    [{ count: 0 }],
    [{ count: 1_000_001 }],
    [{ code_length: 5 }],
    [{ code_length: 33 }],
    [{ alphabet: "runes" }],
  ])("refuses %j", async (wrong) => {
    const api = await startApi();

    const answer = await api.call(ADMIN, "POST", PATH, { json: { ...ORDER, ...wrong } });

    expect(answer).toMatchObject({ status: 422, body: { code: "request/invalid" } });
  });

  test("more than ten thousand are for administrators, who say so twice", async () => {
    const { api, seller } = await openShop();
    const many = { ...ORDER, count: 10_001 };
    const needed = { status: 409, body: { code: "cards/confirmation-needed" } };

    expect(await api.call(ADMIN, "POST", PATH, { json: many })).toMatchObject(needed);
    expect(
      await api.call(seller, "POST", PATH, { json: { ...many, product: "own", confirm: true } }),
    ).toMatchObject(needed);
    expect(await api.call(ADMIN, "POST", PATH, { json: { ...many, confirm: true } })).toMatchObject(
      { status: 202, body: { count: 10_001 } },
    );
  });

  test("a seller orders for what they sell, by its terms and those of all products", async () => {
    const { api, seller, own, other } = await openShop();
    await makePolicy({ name: "anybody's" });
    await makePolicy({ name: "own's", productId: own.id });
    await makePolicy({ name: "other's", productId: other.id });
    const order = (given: object) =>
      api.call(seller, "POST", PATH, { json: { ...ORDER, ...given } });

    expect((await order({})).body).toMatchObject({ product: "own", policy: null });
    expect((await order({ policy: "anybody's" })).body).toMatchObject({ policy: "anybody's" });
    expect((await order({ policy: "own's" })).body).toMatchObject({ product: "own" });
    expect(await order({ policy: "other's" })).toMatchObject({
      status: 404,
      body: { code: "cards/policy-not-found" },
    });
    expect(await order({ product: "other" })).toMatchObject({
      status: 404,
      body: { code: "cards/product-not-found" },
    });
    expect(
      await api.call(ADMIN, "POST", PATH, {
        json: { ...ORDER, product: "own", policy: "other's" },
      }),
    ).toMatchObject({ status: 422, body: { code: "cards/policy-of-other-product" } });
    await api.call(ADMIN, "DELETE", `/api/v1/cards/products/own/sellers/${seller.accountId}`);
    expect(await order({})).toMatchObject({ status: 422, body: { code: "cards/product-needed" } });
    expect((await api.call(STRANGER, "POST", PATH, { json: ORDER })).status).toBe(403);
  });
});

describe("GET /api/v1/cards/batches", () => {
  test("lists what matches, newest first, of what is one's own", async () => {
    const { api, seller, own, other } = await openShop();
    const at = (minute: number) => ({ createdAt: new Date(Date.UTC(2026, 0, 1, 0, minute)) });
    const [a, b, c] = [
      await makeBatch({ productId: own.id, prefix: "A", ...at(1) }),
      await makeBatch({ productId: other.id, prefix: "B", state: "queued", ...at(2) }),
      await makeBatch({ productId: own.id, prefix: "B", ...at(3) }),
    ];
    const list = async (actor: Actor, query = "") => {
      const { body } = await api.call(actor, "GET", PATH + query);
      return body.items.map(({ id }: { id: string }) => id);
    };

    expect(await list(ADMIN)).toEqual([c.id, b.id, a.id]);
    expect(await list(ADMIN, "?limit=1")).toEqual([c.id]);
    expect(await list(ADMIN, "?status=queued")).toEqual([b.id]);
    expect(await list(ADMIN, "?prefix=B")).toEqual([c.id, b.id]);
    expect(await list(ADMIN, "?product=own&prefix=A")).toEqual([a.id]);
    expect(await list(seller)).toEqual([c.id, a.id]);
  });
});

describe("GET /api/v1/cards/batches/:id", () => {
  test("shows one, and a stranger's as if it had never been", async () => {
    const { api, seller, own, other } = await openShop();
    const [mine, theirs] = [
      await makeBatch({ productId: own.id, count: 5, generated: 2, state: "generating" }),
      await makeBatch({ productId: other.id }),
    ];

    expect(await api.call(seller, "GET", `${PATH}/${mine.id}`)).toMatchObject({
      status: 200,
      body: { status: "generating", generated: 2, count: 5, product: "own" },
    });
    for (const id of [theirs.id, newId()]) {
      expect(await api.call(seller, "GET", `${PATH}/${id}`)).toMatchObject({
        status: 404,
        body: { code: "cards/batch-not-found" },
      });
    }
  });
});

describe("PATCH /api/v1/cards/batches/:id", () => {
  test("freezes, revokes and annotates, and takes it back", async () => {
    const { api, seller, own, other } = await openShop();
    const { id } = await makeBatch({ productId: own.id });
    const change = (json: object) => api.call(seller, "PATCH", `${PATH}/${id}`, { json });

    expect((await change({ frozen: true })).body).toMatchObject({ frozen: true, revoked: false });
    expect((await change({ revoked: true, note: "leaked" })).body).toMatchObject({
      frozen: true,
      revoked: true,
      note: "leaked",
    });
    expect((await change({ frozen: false, revoked: false, note: null })).body).toMatchObject({
      frozen: false,
      revoked: false,
      note: null,
    });
    const { id: theirs } = await makeBatch({ productId: other.id });
    expect(
      (await api.call(seller, "PATCH", `${PATH}/${theirs}`, { json: { frozen: true } })).status,
    ).toBe(404);
  });
});

describe("POST /api/v1/cards/batches/:id/resume", () => {
  test("is for what has failed", async () => {
    const api = await startApi();
    const failed = await makeBatch({ count: 2, state: "failed", error: "why" });
    const done = await makeBatch();

    expect(await api.call(ADMIN, "POST", `${PATH}/${failed.id}/resume`)).toMatchObject({
      status: 202,
      body: { status: "generating", error: null },
    });
    expect(await api.call(ADMIN, "POST", `${PATH}/${done.id}/resume`)).toMatchObject({
      status: 409,
      body: { code: "cards/batch-not-failed" },
    });
  });
});
