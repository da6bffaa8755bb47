import { describe, expect, test } from "vitest";
import { AuditEntry } from "../../../models/operations.ts";
import { ADMIN, STRANGER } from "../../support/api.ts";
import {
  CODE,
  makeCard,
  makePolicy,
  makeProduct,
  makeSeller,
  startWithCard,
} from "../../support/cards.ts";

const PATH = "/api/v1/cards";

describe("PATCH /api/v1/cards/:id", () => {
  test("changes what is said of a card, for whoever knows what it says now", async () => {
    const { api, card } = await startWithCard();
    const path = `${PATH}/${card.id}`;
    const edit = (json: object, headers: Record<string, string> = {}, actor = ADMIN) =>
      api.call(actor, "PATCH", path, { json, headers });
    const tag = (await api.call(ADMIN, "GET", path)).headers.get("ETag")!;

    const edited = await edit({ note: "for Li", uses_left: 3 }, { "If-Match": tag });

    expect(edited).toMatchObject({ status: 200, body: { note: "for Li", uses_left: 3 } });
    const late = await edit({ note: "for Wu" }, { "If-Match": tag });
    expect(late).toMatchObject({ status: 412, body: { code: "request/precondition-failed" } });
    const now = edited.headers.get("ETag")!;
    expect((await edit({ note: null }, { "If-Match": now })).body.note).toBeNull();
    expect((await edit({ code: "VIP-X" })).status).toBe(422);
    expect((await edit({ note: "x" }, {}, STRANGER)).status).toBe(403);
    expect(await AuditEntry.findAll({ where: { action: "cards.changed" } })).toMatchObject([
      { before: { note: null, usesLeft: null }, after: { note: "for Li", usesLeft: 3 } },
      { before: { note: "for Li" }, after: { note: null } },
    ]);
  });

  test("sells an unused card by other terms, of what one sells", async () => {
    const { api } = await startWithCard();
    const [own, other] = [await makeProduct("own"), await makeProduct("other")];
    const policy = await makePolicy({ name: "week", productId: own.id });
    const seller = await makeSeller(own);
    const card = await makeCard(api.services.database, { productId: own.id });
    const edit = (json: object, actor = seller) =>
      api.call(actor, "PATCH", `${PATH}/${card.id}`, { json });

    expect((await edit({ policy: "week" })).body).toMatchObject({ policy_id: policy.id });
    expect((await edit({ product: "other" })).body.code).toBe("cards/product-not-found");
    expect((await edit({ product: null })).body.code).toBe("cards/product-needed");
    const wrong = await edit({ product: "other" }, ADMIN);
    expect(wrong.body.code).toBe("cards/policy-of-other-product");
    const moved = await edit({ product: "other", policy: null }, ADMIN);
    expect(moved.body).toMatchObject({ product_id: other.id, policy_id: null });
    expect((await edit({ note: "mine" })).status).toBe(404);
  });
});

describe("DELETE /api/v1/cards/:id", () => {
  test("takes a card away from its clients and out of the list, and shows it to whoever looks for it", async () => {
    const { api, card } = await startWithCard();
    const list = async (query: string) =>
      (await api.call(ADMIN, "GET", `${PATH}${query}`)).body.items.length;

    expect((await api.call(STRANGER, "DELETE", `${PATH}/${card.id}`)).status).toBe(403);
    const gone = await api.call(ADMIN, "DELETE", `${PATH}/${card.id}`);

    expect(gone).toMatchObject({ status: 200, body: { deleted_at: expect.any(String) } });
    const shown = await api.call(undefined, "POST", "/api/validate", {
      json: { code: CODE, machine_code: "PC-1" },
    });
    expect(shown).toMatchObject({ status: 404, body: { message: "卡密不存在" } });
    expect((await api.call(undefined, "GET", `/api/status/${CODE}`)).status).toBe(404);
    expect([await list(""), await list("?deleted=true"), await list("?deleted=false")]).toEqual([
      0, 1, 0,
    ]);
    expect(await list("?deleted=true&prefix=VIP&status=unused")).toBe(1);
    expect((await api.call(ADMIN, "GET", `${PATH}/${card.id}`)).body).toMatchObject({
      deleted_at: gone.body.deleted_at,
    });
    const verb = await api.call(ADMIN, "POST", `${PATH}/${card.id}/ban`);
    expect(verb.body.code).toBe("cards/not-found");
    expect((await api.call(ADMIN, "DELETE", `${PATH}/${card.id}`)).status).toBe(404);
    const counts = await api.call(ADMIN, "GET", `${PATH}/statistics`);
    expect(counts.body).toMatchObject({ total: 0, unused: 0, deleted: 1 });
  });
});

describe("POST /api/v1/cards/:id/restore", () => {
  test("gives a card back while it can be restored", async () => {
    const { api, card } = await startWithCard({}, { CARD_RESTORE: "1h" });
    const restore = () =>
      api.call(ADMIN, "POST", `${PATH}/${card.id}/restore`, { json: { reason: "sorry" } });

    expect((await restore()).body.code).toBe("cards/not-found");
    await api.call(ADMIN, "DELETE", `${PATH}/${card.id}`);
    expect((await restore()).body).toMatchObject({ state: "unused", deleted_at: null });
    const shown = await api.call(undefined, "POST", "/api/validate", {
      json: { code: CODE, machine_code: "PC-1" },
    });
    expect(shown.status).toBe(200);
    await api.call(ADMIN, "DELETE", `${PATH}/${card.id}`);
    await card.update({ deletedAt: new Date(Date.now() - 3_601_000) });
    expect((await restore()).status).toBe(404);
  });
});
