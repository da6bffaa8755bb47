import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Database } from "../../models/database.ts";
import { ask, openBeside } from "../support/leftovers.ts";
import { callAs, signIn } from "../support/package-client.ts";
import { uploadForm } from "../support/packages.ts";
import { ADMIN_PASSWORD, type Platform, startPlatform } from "../support/platform.ts";
import { until } from "../support/until.ts";

// Cards are made and come to their end though what makes and ends them is killed, or away.

const TERM_SECONDS = 20;
const COUNT = 10_000;
const BULKED = 4_000;
const IMPORTED = 6_000;

let platform: Platform;
let database: Database;
let token: string;

beforeAll(async () => {
  platform = await startPlatform({ CARD_TERM: `${TERM_SECONDS}s` });
  database = await openBeside(platform);
  token = (await signIn(platform.address, ADMIN_PASSWORD)).accessToken;
});

afterAll(async () => {
  await database?.close();
  await platform?.remove();
});

const call = (method: string, path: string, json?: object) =>
  callAs(token, platform.address, method, path, json);

const makeBatch = async (prefix: string, count: number): Promise<string> =>
  (await call("POST", "/api/v1/cards/batches", { prefix, count })).body.id;
const batchOf = async (id: string) => (await call("GET", `/api/v1/cards/batches/${id}`)).body;
const isMade = (id: string) => async () => (await batchOf(id)).status === "completed";

/** The whole codes of unused cards with this prefix. */
async function codesOf(prefix: string): Promise<string[]> {
  const { bytes } = await call("GET", `/api/v1/cards/export?format=txt&prefix=${prefix}`);
  return bytes
    .toString()
    .split("\n")
    .filter((line) => line.startsWith(`${prefix}-`));
}

test("a batch whose worker is killed again and again ends with exactly as many codes as were ordered", async () => {
  const id = await makeBatch("KILLED", COUNT);
  const seen: number[] = [];
  for (let kills = 0; kills < 3; kills++) {
    const before = seen.at(-1) ?? 0;
    await until(async () => (await batchOf(id)).generated > before);
    await sleep(Math.random() * 100);
    await platform.kill("worker");
    seen.push((await batchOf(id)).generated as number);
    if (seen.at(-1) === COUNT) break;
  }
  console.log(`killed after ${seen.join(", ")} cards`);

  await until(isMade(id));

  const codes = await codesOf("KILLED");
  expect(seen[0]).toBeLessThan(COUNT);
  expect(codes).toHaveLength(COUNT);
  expect(new Set(codes).size).toBe(COUNT);
  expect(await batchOf(id)).toMatchObject({ generated: COUNT, count: COUNT, error: null });
  const [counted] = await ask<{ cards: number }>(
    database,
    `SELECT COUNT(*) AS cards FROM cards WHERE batch_id = '${id}'`,
  );
  expect(counted!.cards).toBe(COUNT);
  expect((await call("GET", "/api/v1/cards/statistics")).body.unused).toBe(COUNT);
});

test("what is done with many cards, and undone, though its worker is killed each time, leaves no trace", async () => {
  const policy = { term_seconds: 3600, starts: "creation", notice_seconds: 60 };
  await call("POST", "/api/v1/cards/policies", {
    name: "hour",
    ...policy,
    suspended_clock: "stops",
  });
  const order = { prefix: "BULKED", count: BULKED, policy: "hour" };
  const { body: batch } = await call("POST", "/api/v1/cards/batches", order);
  await until(isMade(batch.id));
  const columns = "id, state, expire_at, remaining_ms, notice_at, due_at, timer";
  const question = `SELECT ${columns} FROM cards WHERE prefix = 'BULKED' ORDER BY id`;
  const before = await ask<{ state: string; due_at: string | null }>(database, question);
  const counts = (await call("GET", "/api/v1/cards/statistics")).body;

  const bulk = { verb: "suspend", filter: { prefix: "BULKED" } };
  const { body: ordered } = await call("POST", "/api/v1/cards/bulk", bulk);
  const path = `/api/v1/cards/bulk/${ordered.id}`;
  const read = async () => (await call("GET", path)).body;
  const killedAt: number[] = [];
  const killWithin = async (count: "changed" | "undone") => {
    await until(async () => (await read())[count] > 0);
    await platform.kill("worker");
    killedAt.push((await read())[count] as number);
  };
  await killWithin("changed");
  await until(async () => (await read()).status === "completed");
  const suspended = await ask<{ state: string; due_at: string | null }>(database, question);
  await call("POST", `${path}/undo`);
  await killWithin("undone");
  await until(async () => (await read()).status === "undone");

  console.log(`killed after ${killedAt.join(" cards, and after the undoing of ")}`);
  expect(Math.min(...killedAt)).toBeLessThan(BULKED);
  expect(suspended.every((card) => card.state === "suspended" && card.due_at === null)).toBe(true);
  expect(await read()).toMatchObject({ changed: BULKED, refused: 0, undone: BULKED, kept: 0 });
  expect(await ask(database, question)).toEqual(before);
  expect((await call("GET", "/api/v1/cards/statistics")).body).toEqual(counts);
});

test("of an import whose worker is killed again and again each line is one card, and each fault is told once", async () => {
  const codes = Array.from({ length: IMPORTED }, (_, n) => `MOVED-${String(n).padStart(8, "0")}`);
  // Every hundredth line names a code that stands in the line before, every hundredth other one has none.
  const lines = codes.flatMap((code, n) => {
    if (n % 100 === 0) return [`${code},sold`, `${code},again`];
    return n % 100 === 50 ? [`${code},sold`, ",nothing"] : [`${code},sold`];
  });
  const form = uploadForm({}, { bytes: Buffer.from(`code,note\n${lines.join("\n")}\n`) });
  const sent = await fetch(`${platform.address}/api/v1/cards/import`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: form,
  });
  const path = `/api/v1/cards/import/${((await sent.json()) as { id: string }).id}`;
  const read = async () => (await call("GET", path)).body;
  const isOver = async () => (await read()).status === "completed";
  const killedAt: number[] = [];
  for (let kills = 0; kills < 2; kills++) {
    const before = killedAt.at(-1) ?? 0;
    await until(async () => (await read()).imported > before);
    await platform.kill("worker");
    killedAt.push((await read()).imported as number);
    if (killedAt.at(-1) === IMPORTED) break;
  }
  console.log(`killed after ${killedAt.join(", ")} cards`);

  await until(isOver);

  const faults = IMPORTED / 100;
  expect(killedAt[0]).toBeLessThan(IMPORTED);
  expect(await read()).toMatchObject({
    lines: lines.length,
    imported: IMPORTED,
    duplicates: faults,
    faulty: faults,
    error: null,
  });
  expect((await codesOf("MOVED")).toSorted()).toEqual(codes);
  const report = (await call("GET", `${path}/report`)).bytes
    .toString()
    .trim()
    .split("\r\n")
    .slice(1);
  expect(report).toHaveLength(2 * faults);
  expect(new Set(report.map((line) => line.split(",")[0])).size).toBe(2 * faults);
});

test("a card whose end came while everything was away is over for everybody, and told within seconds", async () => {
  await until(isMade(await makeBatch("OUTAGE", 1)));
  const [code] = await codesOf("OUTAGE");
  const show = () => call("POST", "/api/validate", { code, machine_code: "PC-1" });
  const { body: activated } = await show();
  const endsAt = Date.parse(activated.expire_at);

  await platform.crash();
  await sleep(Math.max(0, endsAt - Date.now()) + 1000);
  await platform.start();
  const readyAt = Date.now();
  const { status, body } = await show();
  const told = () =>
    ask<{ state: string }>(database, "SELECT state FROM cards WHERE prefix = 'OUTAGE'");
  await until(async () => (await told())[0]!.state === "expired");

  expect(activated.code).toBe("VALID");
  expect([status, body.message]).toEqual([403, "卡密已过期"]);
  console.log(`its end was told ${Date.now() - readyAt} ms after everything was ready`);
  expect(await told()).toEqual([{ state: "expired" }]);
});
