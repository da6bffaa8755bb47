import { describe, expect, test } from "vitest";
import type { Actor } from "../../../domain/accounts.ts";
import { AuditEntry } from "../../../models/operations.ts";
import { newId } from "../../../platform/crypto.ts";
import { ADMIN, startApi } from "../../support/api.ts";
import { makePolicy, makeProduct, makeSeller } from "../../support/cards.ts";

const PRODUCTS = "/api/v1/cards/products";
const POLICIES = "/api/v1/cards/policies";

describe("POST /api/v1/cards/products", () => {
  test("adds a product under a slug of its own", async () => {
    const api = await startApi();
    const json = { slug: "studio", name: "Studio", entitlements: ["export", "4k"] };

    const { status, body, headers } = await api.call(ADMIN, "POST", PRODUCTS, { json });

    expect(status).toBe(201);
    expect(headers.get("Location")).toBe(`${PRODUCTS}/studio`);
    expect(body).toMatchObject(json);
    expect(await api.call(ADMIN, "POST", PRODUCTS, { json })).toMatchObject({
      status: 409,
      body: { code: "cards/slug-taken" },
    });
    const wrong = { slug: "Two Words", name: " ", entitlements: ["a", "a"] };
    expect((await api.call(ADMIN, "POST", PRODUCTS, { json: wrong })).body.issues).toHaveLength(3);
    const seller = await makeSeller();
    expect((await api.call(seller, "POST", PRODUCTS, { json })).status).toBe(403);
  });
});

describe("GET /api/v1/cards/products", () => {
  test("lists everything, and to sellers what they sell", async () => {
    const api = await startApi();
    const sold = await makeProduct("b");
    await makeProduct("a");
    const seller = await makeSeller(sold);
    const slugs = async (actor: Actor) =>
      (await api.call(actor, "GET", PRODUCTS)).body.items.map(({ slug }: { slug: string }) => slug);

    expect(await slugs(ADMIN)).toEqual(["a", "b"]);
    expect(await slugs(seller)).toEqual(["b"]);
  });
});

describe("PATCH /api/v1/cards/products/:slug", () => {
  test("changes what is said and nothing else", async () => {
    const api = await startApi();
    await makeProduct("studio");

    const changed = await api.call(ADMIN, "PATCH", `${PRODUCTS}/studio`, {
      json: { entitlements: ["hd"] },
    });

    expect(changed.body).toMatchObject({ slug: "studio", name: "studio", entitlements: ["hd"] });
    expect(await AuditEntry.findAll()).toMatchObject([
      {
        action: "cards.product-changed",
        before: { entitlements: [] },
        after: { entitlements: ["hd"] },
      },
    ]);
    expect(
      await api.call(ADMIN, "PATCH", `${PRODUCTS}/nothing`, { json: { name: "n" } }),
    ).toMatchObject({ status: 404, body: { code: "cards/product-not-found" } });
  });
});

describe("GET /api/v1/cards/products/:slug/sellers", () => {
  test("names them, for those who oversee", async () => {
    const api = await startApi();
    const seller = await makeSeller(await makeProduct("studio"));

    const { body } = await api.call(ADMIN, "GET", `${PRODUCTS}/studio/sellers`);

    expect(body.items).toEqual([{ account: seller.accountId, since: expect.any(String) }]);
    expect((await api.call(seller, "GET", `${PRODUCTS}/studio/sellers`)).status).toBe(403);
  });
});

describe("PUT /api/v1/cards/products/:slug/sellers/:account", () => {
  test("twice is once; of nobody it is refused", async () => {
    const api = await startApi();
    await makeProduct("studio");
    const { accountId: id } = await makeSeller();

    for (const _ of [1, 2]) {
      expect(await api.call(ADMIN, "PUT", `${PRODUCTS}/studio/sellers/${id}`)).toMatchObject({
        status: 200,
      });
    }
    expect(await AuditEntry.count({ where: { action: "cards.seller-set" } })).toBe(1);
    expect(await api.call(ADMIN, "PUT", `${PRODUCTS}/studio/sellers/${newId()}`)).toMatchObject({
      status: 404,
      body: { code: "accounts/user-not-found" },
    });
  });
});

describe("DELETE /api/v1/cards/products/:slug/sellers/:account", () => {
  test("takes the product away from its seller", async () => {
    const api = await startApi();
    const seller = await makeSeller(await makeProduct("studio"));

    await api.call(ADMIN, "DELETE", `${PRODUCTS}/studio/sellers/${seller.accountId}`);

    expect((await api.call(seller, "GET", PRODUCTS)).body.items).toEqual([]);
  });
});

const TERMS = { name: "a month", term_seconds: 30 * 86_400 };

describe("POST /api/v1/cards/policies", () => {
  test("adds terms, with what is usual where nothing is said", async () => {
    const api = await startApi();
    await makeProduct("studio");

    const created = await api.call(ADMIN, "POST", POLICIES, {
      json: { ...TERMS, product: "studio" },
    });

    expect(created).toMatchObject({ status: 201 });
    expect(created.body).toEqual({
      ...TERMS,
      id: expect.any(String),
      created_at: expect.any(String),
      product: "studio",
      starts: "activation",
      starts_at: null,
      max_machines: 1,
      machine_parts_required: null,
      uses: null,
      suspended_clock: "runs",
      notice_seconds: null,
      entitlements: [],
    });
    expect(await api.call(ADMIN, "POST", POLICIES, { json: TERMS })).toMatchObject({
      status: 409,
      body: { code: "cards/policy-name-taken" },
    });
  });

  test.each([
    [{ term_seconds: 59 }],
    [{ starts: "date" }],
    [{ starts_at: "2030-01-01T00:00:00Z" }],
    [{ term_seconds: null, notice_seconds: 60 }],
    [{ max_machines: 0 }],
    [{ uses: 0 }],
  ])("refuses %j", async (wrong) => {
    const api = await startApi();

    expect(await api.call(ADMIN, "POST", POLICIES, { json: { ...TERMS, ...wrong } })).toMatchObject(
      { status: 422 },
    );
  });

  test("a card may last for ever, or from a date on", async () => {
    const api = await startApi();
    const json = {
      name: "n",
      term_seconds: null,
      starts: "date",
      starts_at: "2030-01-01T08:00:00+08:00",
    };

    const { body } = await api.call(ADMIN, "POST", POLICIES, { json });

    expect(body).toMatchObject({ term_seconds: null, starts_at: "2030-01-01T00:00:00.000Z" });
  });
});

describe("PATCH /api/v1/cards/policies/:id", () => {
  test("changes what is said", async () => {
    const api = await startApi();
    const { id } = await makePolicy({ name: "hour" });
    await makePolicy({ name: "day" });
    const change = (json: object) => api.call(ADMIN, "PATCH", `${POLICIES}/${id}`, { json });

    expect((await change({ max_machines: 3, uses: 5 })).body).toMatchObject({
      name: "hour",
      term_seconds: 3600,
      max_machines: 3,
      uses: 5,
    });
    expect(await change({ name: "day" })).toMatchObject({ status: 409 });
    expect(
      await api.call(ADMIN, "PATCH", `${POLICIES}/${newId()}`, { json: { uses: 1 } }),
    ).toMatchObject({ status: 404, body: { code: "cards/policy-not-found" } });
  });
});

describe("GET /api/v1/cards/policies", () => {
  test("lists by name what one may order by", async () => {
    const api = await startApi();
    const [own, other] = [await makeProduct("own"), await makeProduct("other")];
    await makePolicy({ name: "c", productId: own.id });
    await makePolicy({ name: "b", productId: other.id });
    await makePolicy({ name: "a" });
    const seller = await makeSeller(own);
    const names = async (actor: Actor) =>
      (await api.call(actor, "GET", POLICIES)).body.items.map(({ name }: { name: string }) => name);

    expect(await names(ADMIN)).toEqual(["a", "b", "c"]);
    expect(await names(seller)).toEqual(["a", "c"]);
  });
});
