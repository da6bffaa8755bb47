import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { route } from "../../api/route.ts";
import { startApi } from "../support/api.ts";
import { CODE, startWithCard } from "../support/cards.ts";
import { longhaul } from "../support/cli.ts";
import { openTestDatabase } from "../support/database.ts";

const Batch = z.looseObject({});

/** An API on which a batch is whatever `fates` say, one after the other; it remembers the orders and their keys. */
async function startBatches(fates: object[]) {
  const orders: unknown[] = [];
  const orderCards = route({
    method: "post",
    path: "/api/v1/cards/batches",
    summary: "Order cards",
    access: "cards:generate",
    body: Batch,
    returns: [202, Batch],
    handle({ body }) {
      orders.push(body);
      return { id: "batch-1", status: "queued", generated: 0, error: null, ...body };
    },
  });
  const readCardBatch = route({
    method: "get",
    path: "/api/v1/cards/batches/:id",
    summary: "A batch of cards",
    access: "cards:read",
    params: z.strictObject({ id: z.literal("batch-1") }),
    returns: [200, Batch],
    handle: () => ({ id: "batch-1", count: 12, error: null, ...fates.shift() }),
  });
  const services = { database: await openTestDatabase() };
  return { api: await startApi({ routes: { orderCards, readCardBatch }, services }), orders };
}

describe("longhaul cards generate", () => {
  const order = ["cards", "generate", "--prefix", "VIP", "--count", "12"];

  test("orders cards and waits until they are made", async () => {
    const { api, orders } = await startBatches([
      { status: "generating", generated: 5 },
      { status: "completed", generated: 12 },
    ]);

    const { code, out, err } = await longhaul(api, [
      ...order,
      "--length",
      "16",
      "--note",
      "spring",
    ]);

    expect(orders).toEqual([{ prefix: "VIP", count: 12, code_length: 16, note: "spring" }]);
    expect({ code, out }).toEqual({ code: 0, out: "batch-1\n" });
    expect(err).toBe("Ordered: batch batch-1.\n5 of 12 cards\n12 cards are made.\n");
  });

  test("meets the same batch by the same key, and does not wait when it need not", async () => {
    const { api, orders } = await startBatches([]);
    const once = [...order, "--key", "spring", "--yes", "--no-follow", "--json"];

    const first = await longhaul(api, once);
    const again = await longhaul(api, once);

    expect(orders).toHaveLength(1);
    expect(first.json).toMatchObject({ batch: { id: "batch-1", status: "queued", confirm: true } });
    expect(again.json).toEqual(first.json);
  });

  test("says what is missing, and why a batch failed", async () => {
    const { api } = await startBatches([{ status: "failed", generated: 2, error: "no more room" }]);

    const unnamed = await longhaul(api, ["cards", "generate", "--count", "1"]);
    const odd = await longhaul(api, [...order, "--length", "long"]);
    const failed = await longhaul(api, order);

    expect([unnamed.code, unnamed.err]).toEqual([2, expect.stringContaining("--prefix is needed")]);
    expect([odd.code, odd.err]).toEqual([2, expect.stringContaining("--length must be a whole")]);
    expect(failed.code).toBe(4);
    expect(failed.err).toContain("Made 2 of 12 cards, then failed: no more room");
  });
});

describe("longhaul cards validate", () => {
  test("activates a card as a client does, and says in the platform's words what stands against it", async () => {
    const { api } = await startWithCard();

    const good = await longhaul(api, ["cards", "validate", CODE, "--machine", "PC-1"]);
    const json = await longhaul(api, ["cards", "validate", CODE, "--machine", "PC-1", "--json"]);
    const other = await longhaul(api, ["cards", "validate", CODE, "--machine", "PC-2"]);
    const none = await longhaul(api, ["cards", "validate", CODE]);

    expect(good.code).toBe(0);
    expect(good.out).toMatch(/^code +VALID$/m);
    expect(json.json).toMatchObject({ status: "success", remaining_hours: 3 });
    expect(other.code).toBe(1);
    expect(other.err).toMatch(/^机器码不匹配 \(MACHINE_MISMATCH, request /);
    expect(none.code).toBe(2);
  });
});

describe("longhaul cards list", () => {
  test("shows cards without their codes, those that match", async () => {
    const { api } = await startWithCard();

    const found = await longhaul(api, ["cards", "list", "--prefix", "VIP", "--text", CODE]);
    const none = await longhaul(api, ["cards", "list", "--status", "banned", "--json"]);
    const odd = await longhaul(api, ["cards", "list", "--limit", "0"]);

    expect(found.code).toBe(0);
    expect(found.out.split("\n")).toEqual([
      expect.stringMatching(/^CARD +STATE +MACHINE +ENDS +BATCH$/),
      expect.stringMatching(/^VIP-…3456 +unused +- +- +-$/),
      "",
    ]);
    expect(none.json).toEqual({ items: [], more: false });
    expect(odd.code).toBe(2);
  });
});

describe("longhaul cards export", () => {
  test("writes whole codes to the results or to a new file, and nothing when it is refused", async () => {
    const { api } = await startWithCard();
    const folder = await mkdtemp(join(tmpdir(), "longhaul-export-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const out = join(folder, "cards.xlsx");
    const workbook = ["cards", "export", "--format", "xlsx"];

    const text = await longhaul(api, ["cards", "export", "--prefix", "VIP"]);
    const file = await longhaul(api, [...workbook, "--out", out]);
    const again = await longhaul(api, [...workbook, "--out", out]);
    const nowhere = await longhaul(api, workbook);
    const odd = join(folder, "cards.doc");
    const refused = await longhaul(api, ["cards", "export", "--format", "doc", "--out", odd]);

    expect(text.out.trimEnd().split("\n").at(-1)).toBe(CODE);
    expect([file.code, file.err]).toEqual([0, `Written: ${out}\n`]);
    expect((await readFile(out)).subarray(0, 2).toString()).toBe("PK");
    expect((await stat(out)).mode & 0o777).toBe(0o600);
    expect([again.code, nowhere.code, refused.code]).toEqual([2, 2, 1]);
    expect(await readdir(folder)).toEqual(["cards.xlsx"]);
  });
});
