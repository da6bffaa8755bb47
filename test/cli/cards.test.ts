import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MockActivityEnvironment } from "@temporalio/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { createImportActivities } from "../../activities/cards/imports.ts";
import { route } from "../../api/route.ts";
import { beginBulk, Card, CardBulk, CardImport, stepBulk } from "../../models/cards/index.ts";
import type { Database } from "../../models/database.ts";
import { type StartedApi, startApi } from "../support/api.ts";
import { CODE, makeCard, startWithCard } from "../support/cards.ts";
import { longhaul } from "../support/cli.ts";
import { openTestDatabase } from "../support/database.ts";
import { until } from "../support/until.ts";

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

/** What a worker would do for an import, as soon as it is ordered. */
async function takeIn({ services }: StartedApi): Promise<void> {
  await until(async () => (await CardImport.count({ where: { state: "queued" } })) > 0);
  const row = await CardImport.findOne({ where: { state: "queued" }, rejectOnEmpty: true });
  const activities = createImportActivities({ ...services, reportProgress: () => undefined });
  const environment = new MockActivityEnvironment();
  await environment.run(() => activities.takeCardsIn({ importId: row.id }));
}

describe("longhaul cards import", () => {
  test("sends a file, waits until its lines are cards, and brings the report of those that are none", async () => {
    const { api } = await startWithCard();
    const folder = await mkdtemp(join(tmpdir(), "longhaul-import-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const [file, report] = [join(folder, "old.csv"), join(folder, "report.csv")];
    await writeFile(file, `code,note\n${CODE},\nOLD-AAAA0001,gift\nOLD-AAAA0002,\n,nothing\n`);
    const order = ["cards", "import", file, "--note", "old shop", "--key", "move"];

    const [trial] = await Promise.all([
      longhaul(api, [...order, "--dry-run", "--key", "t"]),
      takeIn(api),
    ]);
    const [taken] = await Promise.all([longhaul(api, [...order, "--report", report]), takeIn(api)]);
    const again = await longhaul(api, [...order, "--json"]);
    const missing = await longhaul(api, ["cards", "import", join(folder, "none.csv")]);

    expect([trial.code, trial.err]).toEqual([
      0,
      expect.stringContaining("2 cards would be taken in; 1 are"),
    ]);
    expect(taken.code).toBe(0);
    expect(taken.err).toContain("2 cards are taken in; 1 were there already, 1 lines have faults.");
    expect((await readFile(report, "utf8")).split("\r\n")).toHaveLength(4);
    expect(again.json.import).toMatchObject({
      id: taken.out.trim(),
      imported: 2,
      note: "old shop",
    });
    expect([missing.code, missing.err]).toEqual([2, expect.stringContaining("ENOENT")]);
    expect(await Card.count()).toBe(3);
  });
});

/** What a worker would do for a bulk, or for its undoing, as soon as it is ordered. */
async function carry(database: Database): Promise<void> {
  const state = ["queued" as const, "undoing" as const];
  await until(async () => (await CardBulk.count({ where: { state } })) > 0);
  const { id } = await CardBulk.findOne({ where: { state }, rejectOnEmpty: true });
  await beginBulk(database, id);
  while (await stepBulk(database, id));
}

describe("longhaul cards bulk", () => {
  test("says what would happen, does it with what matches, and takes it back", async () => {
    const { api, card } = await startWithCard();
    const { database } = api.services;
    const banned = await makeCard(database, { state: "banned" });
    const ban = ["cards", "bulk", "ban", "--prefix", "VIP"];

    const forecast = await longhaul(api, [...ban, "--dry-run"]);
    const [done] = await Promise.all([
      longhaul(api, [...ban, "--reason", "leaked", "--key", "recall"]),
      carry(database),
    ]);
    const states = [(await card.reload()).state, (await banned.reload()).state];
    const [undone] = await Promise.all([
      longhaul(api, ["cards", "undo", done.out.trim(), "--json"]),
      carry(database),
    ]);

    expect([forecast.code, forecast.out]).toEqual([
      0,
      expect.stringMatching(/^1 will change, 1 refused/),
    ]);
    expect(done.code).toBe(0);
    expect(done.err).toContain("1 cards are changed, 1 refused.");
    expect(states).toEqual(["banned", "banned"]);
    expect(undone.json.bulk).toMatchObject({ status: "undone", undone: 1, kept: 0 });
    expect(undone.err).toContain("1 cards are as before, 0 have changed since.");
    expect((await card.reload()).state).toBe("unused");
  });

  test("wants to hear it twice that all cards are meant, and hands on what the platform refuses", async () => {
    const { api } = await startWithCard();

    const all = await longhaul(api, ["cards", "bulk", "delete"]);
    const sure = await longhaul(api, ["cards", "bulk", "delete", "--yes", "--no-follow"]);
    const odd = await longhaul(api, ["cards", "bulk", "melt", "--prefix", "VIP"]);
    const gone = await longhaul(api, ["cards", "undo", "0193e5a0-0000-7000-8000-000000000000"]);

    expect([all.code, all.err]).toEqual([2, expect.stringContaining("--yes confirms")]);
    expect([sure.code, sure.out]).toEqual([0, expect.stringMatching(/^[0-9a-f-]{36}\n$/)]);
    expect([odd.code, gone.code]).toEqual([1, 1]);
    expect(gone.err).toContain("cards/bulk-not-found");
  });
});
