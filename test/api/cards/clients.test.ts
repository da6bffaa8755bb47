import { describe, expect, test } from "vitest";
import { type Card, Card as Cards } from "../../../models/cards/index.ts";
import { ADMIN, NOBODY, type StartedApi, STRANGER } from "../../support/api.ts";
import { CODE, makePolicy, makeProduct, startWithCard } from "../../support/cards.ts";
import { takeChance } from "../../support/chance.ts";

const HOUR_MS = 3_600_000;

const validate = (api: StartedApi, json: unknown) =>
  api.call(NOBODY, "POST", "/api/validate", { json });
const send = async (api: StartedApi, body: string, type = "application/json") => {
  const request = { method: "POST", body, headers: { "Content-Type": type } };
  const response = await fetch(new URL("/api/validate", api.address), request);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

describe("POST /api/validate", () => {
  test("activates at the first use, and is good for the same machine however the code is written", async () => {
    const { api } = await startWithCard();
    const from = Date.now();

    const first = await validate(api, { code: CODE, machine_code: " PC-1 " });
    const again = await validate(api, { code: " ｖip-demo 123456", machine_code: "PC-1", os: 11 });

    expect(first).toMatchObject({
      status: 200,
      body: { status: "success", message: "授权成功", remaining_hours: 3, code: "VALID" },
    });
    expect(first.body.request_id).toBe(first.headers.get("X-Request-Id"));
    expect(first.body.expire_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+08:00$/);
    const lifeMs = Date.parse(first.body.expire_at as string) - from;
    expect(lifeMs).toBeGreaterThanOrEqual(3 * HOUR_MS);
    expect(lifeMs).toBeLessThan(3 * HOUR_MS + 60_000);
    expect(again.body.expire_at).toBe(first.body.expire_at);
    expect(Math.abs(Date.parse(again.body.server_time as string) - Date.now())).toBeLessThan(
      60_000,
    );
  });

  test("says what stands against a card in the contract's words", async () => {
    const product = await startWithCard();
    const { api, card } = product;
    const editor = await makeProduct("editor");
    await card.update({ productId: editor.id });
    const asked = { code: CODE, machine_code: "PC-1" };
    await validate(api, asked);
    const fateOf = async (change: Partial<Card>, more: object = {}) => {
      await card.update(change);
      const { status, body } = await validate(api, { ...asked, ...more });
      return [status, body.status, body.code, body.message];
    };

    expect(await fateOf({}, { product: "game" })).toEqual([
      403,
      "error",
      "PRODUCT_MISMATCH",
      "产品不匹配",
    ]);
    expect(await fateOf({}, { machine_code: "PC-2" })).toEqual([
      403,
      "error",
      "MACHINE_MISMATCH",
      "机器码不匹配",
    ]);
    const { id: policyId } = await makePolicy({ maxMachines: 2 });
    expect(await fateOf({ policyId, machines: 2 }, { machine_code: "PC-2" })).toEqual([
      403,
      "error",
      "TOO_MANY_MACHINES",
      "机器数量已达上限",
    ]);
    expect(await fateOf({ usesLeft: 0 })).toEqual([403, "error", "COUNT_EXHAUSTED", "次数已用完"]);
    const expireAt = new Date(Date.now() - 1);
    expect(await fateOf({ expireAt })).toEqual([403, "error", "EXPIRED", "卡密已过期"]);
    expect(await fateOf({ state: "suspended" })).toEqual([403, "error", "SUSPENDED", "卡密已停用"]);
    expect(await fateOf({ state: "banned" })).toEqual([403, "error", "BANNED", "卡密已封禁"]);
    expect(await fateOf({ deletedAt: new Date() })).toEqual([
      404,
      "error",
      "NOT_FOUND",
      "卡密不存在",
    ]);
  });

  test.each([
    ["{", undefined],
    ["{}", undefined],
    ["[]", undefined],
    ["null", undefined],
    ['"VIP"', undefined],
    ["0", undefined],
    ["", undefined],
    [JSON.stringify({ code: CODE, machine_code: "PC-1" }), "text/plain"],
  ])("%j as %j is no JSON that could be meant", async (body, type) => {
    const { api } = await startWithCard();

    expect(await send(api, body, type)).toMatchObject({
      status: 400,
      body: { status: "error", message: "无效的JSON数据", code: "INVALID" },
    });
  });

  test("without a code and a machine there is nothing to ask", async () => {
    const { api } = await startWithCard();
    const orders = [
      { code: CODE },
      { machine_code: "PC-1" },
      { code: "  ", machine_code: "PC-1" },
      { code: CODE, machine_code: 7 },
      { code: [CODE], machine_code: "PC-1" },
      { code: null, machine_code: "PC-1" },
    ];

    for (const order of orders) {
      expect(await validate(api, order)).toMatchObject({
        status: 400,
        body: { status: "error", message: "卡密和机器码不能为空", code: "INCOMPLETE" },
      });
    }
    const long = await validate(api, { code: CODE, machine_code: "x".repeat(129) });
    expect([long.status, long.body.code]).toEqual([400, "INVALID"]);
    const odd = await validate(api, { code: CODE, machine_code: "PC-1", product: 5 });
    expect([odd.status, odd.body.code]).toEqual([400, "INVALID"]);
  });

  test("10,000 random bodies are answered without a fault, and change nothing", async () => {
    const { api, card } = await startWithCard();
    const readCard = async () => (await Cards.findByPk(card.id))!.get();
    const before = await readCard();
    const chance = takeChance();
    const often = (percent: number) => chance.below(100) < percent;
    const wild = [
      "",
      " ",
      0,
      null,
      true,
      [],
      {},
      ["x"],
      "\u0000",
      "\ud800",
      "ﾊ".repeat(200),
      1e308,
    ];
    const names = ["code", "machine_parts", "product", "use_id", "__proto__", "x"];
    /** Never one that is right: either the code is nobody's, or the machine is no text. */
    const bodyOf = (): string => {
      const fields = names.filter(() => often(50)).map((name) => [name, chance.pick(wild)]);
      const wrong = often(50)
        ? { code: CODE, machine_code: chance.pick(wild.filter((one) => !isText(one))) }
        : { code: chance.pick(["VIP-DEMO12345", "卡密", "x".repeat(5000)]), machine_code: "PC-1" };
      const order = { ...Object.fromEntries(fields), ...wrong };
      const text = JSON.stringify(often(10) ? chance.pick(wild) : order);
      return often(30) ? text.slice(0, chance.below(text.length)) : text;
    };
    const isText = (one: unknown) => typeof one === "string" && one.trim() !== "";
    const statuses = new Set<number>();

    for (let sent = 0; sent < 10_000; sent += 100) {
      const answers = await Promise.all(
        Array.from({ length: 100 }, () =>
          send(api, bodyOf(), often(80) ? "application/json" : "text/plain"),
        ),
      );
      for (const { status } of answers) statuses.add(status);
    }

    expect([...statuses].filter((status) => ![400, 404, 429].includes(status))).toEqual([]);
    expect(await readCard()).toEqual(before);
  });
});

describe("GET /api/status/:code", () => {
  const read = (api: StartedApi, query = "", actor = NOBODY as typeof ADMIN | undefined) =>
    api.call(actor, "GET", `/api/status/${encodeURIComponent("vip-demo123456")}${query}`);

  test("says where a card stands, and its machine to those who know it already", async () => {
    const { api, card } = await startWithCard();

    expect((await read(api)).body).toMatchObject({
      status: "success",
      data: { full_code: CODE, status: "UNUSED", state: "unused", used_at: null, expire_at: null },
    });
    await validate(api, { code: CODE, machine_code: "PC-1" });
    const shown = await read(api);
    expect(shown.body.data).toMatchObject({
      status: "ACTIVE",
      machine_code: null,
      remaining_hours: 3,
    });
    expect(shown.body.data.used_at).toMatch(/\+08:00$/);
    expect((await read(api, "?machine_code=PC-2")).body.data.machine_code).toBeNull();
    expect((await read(api, "?machine_code=PC-1")).body.data.machine_code).toBe("PC-1");
    expect((await read(api, "", STRANGER)).body.data.machine_code).toBeNull();
    expect((await read(api, "", ADMIN)).body.data.machine_code).toBe("PC-1");

    await card.update({ state: "suspended" });
    const { data } = (await read(api)).body;
    expect(data).toMatchObject({ status: "EXPIRED", state: "suspended" });
    expect(data).not.toHaveProperty("remaining_hours");
    await card.update({ state: "active", expireAt: new Date(Date.now() - 1) });
    expect((await read(api)).body.data).toMatchObject({ status: "EXPIRED", state: "expired" });
  });

  test("does not know a code that was never sold", async () => {
    const { api } = await startWithCard();

    const { status, body } = await api.call(NOBODY, "GET", "/api/status/VIP-NOBODY");

    expect([status, body.message, body.code]).toEqual([404, "卡密不存在", "NOT_FOUND"]);
    expect(body.server_time).toMatch(/\+08:00$/);
  });
});

describe("GET /api/health", () => {
  test("says that the service answers", async () => {
    const { api } = await startWithCard();

    const { status, body } = await api.call(NOBODY, "GET", "/api/health");

    expect(status).toBe(200);
    expect(body).toMatchObject({ status: "ok", service: "kamisystem", code: "OK" });
    expect(body.timestamp).toMatch(/\+08:00$/);
  });
});
