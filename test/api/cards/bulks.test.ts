import { describe, expect, test } from "vitest";
import { beginBulk, CardBulk, stepBulk } from "../../../models/cards/index.ts";
import { OutboxEntry } from "../../../models/operations.ts";
import { ADMIN, type StartedApi, startApi, STRANGER } from "../../support/api.ts";
import { makeBatch, makeCard, makeProduct, makeSeller, show } from "../../support/cards.ts";

const PATH = "/api/v1/cards/bulk";

/** Five cards: two of them active, one banned, one of another product. */
async function openShelf() {
  const api = await startApi();
  const { database } = api.services;
  const [own, other] = [await makeProduct("own"), await makeProduct("other")];
  const batch = await makeBatch({ productId: own.id });
  const ofBatch = { batchId: batch.id, productId: own.id };
  const cards = [
    await makeCard(database, ofBatch),
    await makeCard(database, ofBatch),
    await makeCard(database, { ...ofBatch, state: "banned" }),
    await makeCard(database, { productId: other.id }),
    await makeCard(database, { prefix: "PRO", note: "gift" }),
  ];
  for (const card of cards.slice(0, 2)) await show(database, card);
  return { api, batch, cards, seller: await makeSeller(own) };
}

const order = (
  api: StartedApi,
  json: object,
  actor = ADMIN,
  headers: Record<string, string> = {},
) => api.call(actor, "POST", PATH, { json, headers });

/** Does what its workflow would do. */
async function carry({ services: { database } }: StartedApi, id: string): Promise<void> {
  await beginBulk(database, id);
  while (await stepBulk(database, id));
}

describe("POST /api/v1/cards/bulk", () => {
  test("says what would happen and why not, without anything happening", async () => {
    const { api, batch, cards } = await openShelf();
    const filter = { batch_id: batch.id };

    const { status, body } = await order(api, { verb: "suspend", filter, dry_run: true });

    expect(status).toBe(200);
    expect(body).toEqual({
      dry_run: true,
      verb: "suspend",
      matching: 3,
      will_change: 2,
      refused: [{ reason: "It is banned.", count: 1 }],
      summary: "2 will change, 1 refused because: It is banned. (1)",
    });
    expect((await cards[0]!.reload()).state).toBe("active");
    expect(await OutboxEntry.count({ where: { workflow: "cardBulk" } })).toBe(0);
  });

  test("orders it once under a key, and does it with what one reaches", async () => {
    const { api, cards, seller } = await openShelf();
    const headers = { "Idempotency-Key": "recall" };
    const ban = { verb: "ban", filter: {}, reason: "leaked" };

    const ordered = await order(api, ban, seller, headers);

    expect(ordered).toMatchObject({
      status: 202,
      body: { verb: "ban", status: "queued", total: 3, undo_until: null, reason: "leaked" },
    });
    expect(ordered.headers.get("Location")).toBe(`${PATH}/${ordered.body.id}`);
    expect((await order(api, ban, seller, headers)).body.id).toBe(ordered.body.id);
    const [message, ...more] = await OutboxEntry.findAll({ where: { workflow: "cardBulk" } });
    expect([message!.workflowId, more]).toEqual([`card-bulk/${ordered.body.id}`, []]);
    await carry(api, ordered.body.id as string);
    const states = await Promise.all(cards.map(async (card) => (await card.reload()).state));
    expect(states).toEqual(["banned", "banned", "banned", "unused", "unused"]);
  });

  test.each([
    [{ verb: "note", parameters: { note: "seen" }, filter: { prefix: "PRO" } }, 1],
    [{ verb: "extend", parameters: { seconds: 60 }, filter: { status: "active" } }, 2],
    [{ verb: "delete", filter: { text: "gift" } }, 1],
    [{ verb: "unbind", filter: { product: "own", from: "2026-01-01T00:00:00Z" } }, 2],
  ])("finds what it is to be done with as the list does: %j", async (json, changed) => {
    const { api } = await openShelf();

    const { body } = await order(api, json);
    await carry(api, body.id as string);

    const after = await api.call(ADMIN, "GET", `${PATH}/${body.id}`);
    expect(after.body).toMatchObject({ status: "completed", changed });
  });

  test("refuses what makes no order", async () => {
    const { api, cards } = await openShelf();
    const status = async (json: object, actor = ADMIN) => (await order(api, json, actor)).status;
    const { id } = cards[0]!;

    expect(await status({ verb: "ban" })).toBe(422);
    expect(await status({ verb: "activate", filter: {} })).toBe(422);
    expect(await status({ verb: "extend", filter: {} })).toBe(422);
    expect(await status({ verb: "ban", filter: {}, parameters: { note: "x" } })).toBe(422);
    expect(await status({ verb: "note", filter: {} })).toBe(422);
    expect(await status({ verb: "ban", filter: { ids: [id], text: "x" } })).toBe(422);
    expect(await status({ verb: "ban", filter: { product: "none" } })).toBe(404);
    expect(await status({ verb: "ban", filter: {} }, STRANGER)).toBe(403);
  });
});

/** A bulk that suspended two cards and was refused by a third. */
async function startWithBulk() {
  const { api, cards, seller } = await openShelf();
  const filter = { ids: cards.slice(0, 3).map(({ id }) => id) };
  const { body } = await order(api, { verb: "suspend", filter }, seller);
  await carry(api, body.id as string);
  const read = (rest = "", actor = seller) => api.call(actor, "GET", `${PATH}/${body.id}${rest}`);
  const post = (verb: string, actor = seller) =>
    api.call(actor, "POST", `${PATH}/${body.id}/${verb}`);
  return { api, cards, seller, id: body.id as string, read, post };
}

describe("GET /api/v1/cards/bulk", () => {
  test("lists one's own, and all to those who oversee cards", async () => {
    const { api, seller, id } = await startWithBulk();
    const list = async (actor = ADMIN) =>
      (await api.call(actor, "GET", PATH)).body.items.map((item: { id: string }) => item.id);

    expect(await list(seller)).toEqual([id]);
    expect(await list()).toEqual([id]);
    expect(await list(await makeSeller())).toEqual([]);
    expect((await api.call(STRANGER, "GET", PATH)).status).toBe(403);
  });
});

describe("GET /api/v1/cards/bulk/:id", () => {
  test("says how far it is", async () => {
    const { read } = await startWithBulk();

    expect((await read()).body).toMatchObject({
      status: "completed",
      total: 3,
      changed: 2,
      refused: 1,
      undo_until: expect.any(String),
      results_until: expect.any(String),
    });
    expect((await read("", await makeSeller())).body.code).toBe("cards/bulk-not-found");
  });
});

describe("GET /api/v1/cards/bulk/:id/results", () => {
  test("tells of each card what it was and is, or why it was refused, page by page", async () => {
    const { cards, read } = await startWithBulk();

    const first = await read("/results?limit=2");
    const rest = await read(`/results?limit=2&after=${first.body.next}`);

    const all = [...first.body.items, ...rest.body.items];
    expect(all.map((item: { card_id: string }) => item.card_id)).toEqual(
      cards.slice(0, 3).map(({ id }) => id),
    );
    expect(all[0]).toMatchObject({
      prefix: "VIP",
      outcome: "changed",
      before: { state: "active" },
      after: { state: "suspended", due_at: null },
    });
    expect((await read("/results?outcome=refused")).body.items).toMatchObject([
      { outcome: "refused", reason: "It is banned.", before: null },
    ]);
    expect((await read("/results", await makeSeller())).status).toBe(404);
  });

  test("says so when they are not kept any more", async () => {
    const { read, id } = await startWithBulk();
    await CardBulk.update({ hasResults: false }, { where: { id } });

    expect(await read("/results")).toMatchObject({
      status: 410,
      body: { code: "cards/results-gone" },
    });
  });
});

describe("POST /api/v1/cards/bulk/:id/undo", () => {
  test("takes back what was done, for some minutes", async () => {
    const { api, cards, id, post, read } = await startWithBulk();

    expect(await post("undo")).toMatchObject({ status: 202, body: { status: "undoing" } });
    await carry(api, id);

    expect((await read()).body).toMatchObject({ status: "undone", undone: 2, kept: 0 });
    expect((await cards[0]!.reload()).state).toBe("active");
    expect((await post("undo")).body.status).toBe("undone");
    expect((await post("undo", await makeSeller())).status).toBe(404);
  });
});

describe("POST /api/v1/cards/bulk/:id/resume", () => {
  test("is for what has failed", async () => {
    const { post } = await startWithBulk();

    expect(await post("resume")).toMatchObject({
      status: 409,
      body: { code: "cards/bulk-not-failed" },
    });
  });
});
