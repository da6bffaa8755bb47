import { buffer } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { fromBufferPromise } from "yauzl";
import { AuditEntry } from "../../../models/operations.ts";
import { ADMIN, startApi, type StartedApi } from "../../support/api.ts";
import { makeBatch, makeCard, makeProduct, makeSeller } from "../../support/cards.ts";
import { newId } from "../../../platform/crypto.ts";

const PATH = "/api/v1/cards";

/** Seven cards: of two products, three prefixes, one batch, and in several states. */
async function openShelf() {
  const api = await startApi();
  const { cardCodes, database } = api.services;
  const [own, other] = [await makeProduct("own"), await makeProduct("other")];
  const batch = await makeBatch({ productId: own.id, note: "autumn" });
  const add = async (code: string, given: object = {}) => {
    const id = newId();
    const sealed = { codeHash: cardCodes.hash(code), codeSealed: cardCodes.seal(code, id) };
    const [prefix] = code.split("-");
    await makeCard(database, {
      id,
      prefix: prefix!,
      ...sealed,
      codeTail: code.slice(-4),
      ...given,
    });
    return code;
  };
  const ofBatch = { batchId: batch.id, productId: own.id };
  await add("VIP-AAAA0001", ofBatch);
  await add("VIP-AAAA0002", { ...ofBatch, state: "active", machineCode: "PC-1" });
  await add("PRO-AAAA0003", { productId: own.id, note: "=1+1" });
  await add("PRO-AAAA0004", { productId: other.id, state: "banned" });
  await add("BASIC-AAAA0005", { productId: other.id });
  await add("BASIC-AAAA0006");
  await add("BASIC-AAAA0007", { deletedAt: new Date() });
  return { api, batch, seller: await makeSeller(own) };
}

const tails = async (api: StartedApi, query: string, actor = ADMIN) => {
  const { status, body } = await api.call(actor, "GET", `${PATH}?${query}`);
  expect(status, query).toBe(200);
  return body.items.map((item: { code_tail: string }) => Number(item.code_tail)) as number[];
};

describe("GET /api/v1/cards", () => {
  test("lists what matches and is one's own, newest first, without the codes", async () => {
    const { api, batch, seller } = await openShelf();

    expect(await tails(api, "")).toEqual([6, 5, 4, 3, 2, 1]);
    expect(await tails(api, "sort=oldest")).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await tails(api, "status=unused")).toEqual([6, 5, 3, 1]);
    expect(await tails(api, "prefix=PRO")).toEqual([4, 3]);
    expect(await tails(api, "prefix=PRO&status=banned")).toEqual([4]);
    expect(await tails(api, `batch_id=${batch.id}`)).toEqual([2, 1]);
    expect(await tails(api, "product=other")).toEqual([5, 4]);
    expect(await tails(api, "from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z")).toEqual([]);
    expect(await tails(api, "from=2026-01-01T00:00:00Z&limit=2")).toEqual([6, 5]);
    expect(await tails(api, "", seller)).toEqual([3, 2, 1]);
    const { body } = await api.call(ADMIN, "GET", `${PATH}?status=active`);
    expect(body.items).toMatchObject([
      { prefix: "VIP", status: "ACTIVE", product: "own", machine_code: "PC-1" },
    ]);
    expect(JSON.stringify(body)).not.toContain("AAAA");
  });

  test.each(["", "batch_id", "prefix=VIP", "product=own", "text=autumn"])(
    "goes on where a page ended: %s",
    async (query) => {
      const { api, batch } = await openShelf();
      const asked = query === "batch_id" ? `batch_id=${batch.id}` : query;
      const all = await tails(api, asked);

      const seen: number[] = [];
      for (let after = ""; after !== "end";) {
        const { body } = await api.call(ADMIN, "GET", `${PATH}?${asked}&limit=1${after}`);
        seen.push(...body.items.map((item: { code_tail: string }) => Number(item.code_tail)));
        after = body.next ? `&after=${body.next}` : "end";
      }

      expect(all.length).toBeGreaterThan(1);
      expect(seen).toEqual(all);
    },
  );

  test("a text is a whole code, or all of its end, prefix, batch, note or machine", async () => {
    const { api, batch } = await openShelf();

    expect(await tails(api, "text=vip-aaaa%200001")).toEqual([1]);
    expect(await tails(api, "text=0003")).toEqual([3]);
    expect(await tails(api, "text=PRO")).toEqual([4, 3]);
    expect(await tails(api, `text=${batch.id}`)).toEqual([2, 1]);
    expect(await tails(api, "text=autumn")).toEqual([2, 1]);
    expect(await tails(api, "text=PC-1")).toEqual([2]);
    expect(await tails(api, "text=%3D1%2B1")).toEqual([3]);
    const { body } = await api.call(ADMIN, "GET", `${PATH}?text=nothing`);
    expect(body).toMatchObject({ items: [], next: null });
    expect(body.searched).toContain("machine_code");
  });
});

describe("GET /api/v1/cards/statistics", () => {
  test("counts what one may see", async () => {
    const { api, seller } = await openShelf();
    const count = async (query = "", actor = ADMIN) =>
      (await api.call(actor, "GET", `${PATH}/statistics${query}`)).body;

    expect(await count("?product=other")).toMatchObject({ total: 2, unused: 1, banned: 1 });
    expect(await count("", seller)).toMatchObject({ total: 3, unused: 2, active: 1, expired: 0 });
  });
});

describe("GET /api/v1/cards/export", () => {
  test("as text it has the unused ones, under the contract's lines, and is written down", async () => {
    const { api } = await openShelf();

    const { status, body, headers } = await api.call(ADMIN, "GET", `${PATH}/export?prefix=BASIC`);

    expect(status).toBe(200);
    expect(headers.get("Content-Disposition")).toMatch(
      /^attachment; filename="unused_cards_BASIC_\d{8}_\d{6}\.txt"$/,
    );
    expect(body.split("\n")).toEqual([
      "# 未使用卡密导出",
      expect.stringMatching(/^# 导出时间: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
      "# 前缀筛选: BASIC",
      "# 总数量: 2",
      "# 格式: 前缀-代码",
      `# ${"=".repeat(50)}`,
      "",
      "BASIC-AAAA0006",
      "BASIC-AAAA0005",
      "",
    ]);
    expect(await AuditEntry.findAll()).toMatchObject([
      { action: "cards.exported", after: { format: "txt", prefix: "BASIC", status: "unused" } },
    ]);
  });

  test("as a table it has all that match, and no cell is a formula", async () => {
    const { api, seller } = await openShelf();

    const { body } = await api.call(seller, "GET", `${PATH}/export?format=csv`);
    const workbook = await fetch(`${api.address}${PATH}/export?format=xlsx`, {
      headers: { Authorization: `Bearer ${api.tokenOf(seller)}` },
    });

    const lines = body.trim().split("\r\n");
    expect(lines[0]).toContain("code");
    expect(lines.slice(1).map((line: string) => line.slice(1, 13))).toEqual([
      "PRO-AAAA0003",
      "VIP-AAAA0002",
      "VIP-AAAA0001",
    ]);
    expect(lines[1]).toContain(`"'=1+1"`);
    const zip = await fromBufferPromise(Buffer.from(await workbook.arrayBuffer()));
    const entries = [];
    for await (const entry of zip.eachEntry()) entries.push(entry);
    const sheet = entries.find(({ fileName }) => fileName.endsWith("sheet1.xml"))!;
    const text = (await buffer(await zip.openReadStreamPromise(sheet))).toString();
    expect(text.match(/<row>/g)).toHaveLength(4);
    expect(text).toContain('<c t="inlineStr" s="1"><is><t xml:space="preserve">=1+1</t>');
  });

  test("is a right of its own", async () => {
    const { api } = await openShelf();
    const reader = { ...ADMIN, permissions: ["cards:read", "cards:oversee"] as const };

    expect((await api.call(reader, "GET", PATH)).status).toBe(200);
    expect((await api.call(reader, "GET", `${PATH}/export`)).status).toBe(403);
  });
});
