import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "undici";
import type { CardTimer } from "../../domain/cards.ts";
import { ask } from "../../test/support/leftovers.ts";
import { until } from "../../test/support/until.ts";
import { call, type CardPlatform, makeBatch, startCardPlatform } from "../cards/platform.ts";
import type { Finding, Measurement, Size } from "../measurement.ts";
import { untilQuiet } from "../product.ts";
import { rounded } from "../rounds.ts";

/** So many cards are activated at the same time. */
const AT_ONCE = 16;
/** So often a second a card is shown that is active already. */
const SHOWN_PER_SECOND = 100;
const QUIET_SECONDS = 5;
const TERM_SECONDS = 30;
/** Whoever is later than this has lost his timer: a workflow for each takes as long as the server needs for so many. */
const PATIENCE_MS = 600_000;

/** How late cards end when many end at once. */
export const cardsTimers: Measurement = {
  name: "cards-timers",
  title: "Ends of cards",
  method: `10,000 cards are activated as fast as ${AT_ONCE} clients can, with a term of ${TERM_SECONDS} seconds, so that all end within a minute: once with the timers of all of them in the wheels of their shards, once with a workflow of its own for each. How late a card is is what its row says: the moment that its end, and the event that tells of it, were written, after the moment at which it was due. All the while another card, which is active, is shown to \`POST /api/validate\` ${SHOWN_PER_SECOND} times a second, whether the answer before has come or not. Everything is embedded, on two cores.`,
  run,
};

/** What was seen with one kind of timer. */
interface Watched {
  timer: CardTimer;
  activatedPerSecond: number;
  /** In seconds. */
  lags: number[];
  /** In milliseconds: before anything else happened, and while cards came to their ends. */
  quiet: number[];
  meanwhile: number[];
}

async function run({ quick, rule }: Size): Promise<Finding> {
  const cards = quick ? 500 : 10_000;
  const found: Watched[] = [];
  for (const timer of ["wheel", "run"] as const) {
    rule();
    found.push(await watch(timer, cards));
  }
  const wheel = found[0]!;
  return {
    goals: [
      {
        claim: `seconds that the latest of ${cards} ends is late, through the wheel`,
        value: Math.max(...wheel.lags),
        most: 5,
      },
      ...found.map(({ timer, quiet, meanwhile }) => ({
        claim: `p99 of a validation while cards end (${timer}), in its quiet p99`,
        value: at(meanwhile, 0.99) / at(quiet, 0.99),
        most: 2,
      })),
    ],
    table: {
      columns: [
        "timers",
        "activations per second",
        "late, s: half – p99 – most",
        "validation, ms: p50 and p99, quiet",
        "while cards end",
      ],
      rows: found.map(({ timer, activatedPerSecond, lags, quiet, meanwhile }) => [
        timer === "wheel" ? "wheels of 16 shards" : "a workflow for each card",
        Math.round(activatedPerSecond),
        [0.5, 0.99, 1].map((part) => rounded(at(lags, part))).join(" – "),
        [0.5, 0.99].map((part) => rounded(at(quiet, part))).join(" and "),
        [0.5, 0.99].map((part) => rounded(at(meanwhile, part))).join(" and "),
      ]),
    },
    plots: [],
  };
}

async function watch(timer: CardTimer, cards: number): Promise<Watched> {
  const platform = await startCardPlatform("SQLite", {
    CARD_TERM: `${TERM_SECONDS}s`,
    CARD_TIMERS: timer === "wheel" ? "0" : "1000000",
  });
  const client = new Pool(platform.product.client.address, { connections: 2 * AT_ONCE });
  try {
    await call(platform, "POST", "/api/v1/cards/policies", {
      name: "long",
      term_seconds: 86_400,
    });
    const { id: lasting } = await makeBatch(platform, { prefix: "L", count: 1, policy: "long" });
    const { id: ending } = await makeBatch(platform, { prefix: "E", count: cards });
    const [shown] = await codesOf(platform, lasting);
    const codes = await codesOf(platform, ending);
    const validate = (code: string) => askFor(client, code);
    await validate(shown!);
    await untilQuiet(platform.product);
    await show(
      () => validate(shown!),
      () => sleep(QUIET_SECONDS * 1000),
    );
    const quiet = await show(
      () => validate(shown!),
      () => sleep(QUIET_SECONDS * 1000),
    );

    const began = performance.now();
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (let code = codes.pop(); code; code = codes.pop()) await validate(code);
      }),
    );
    const seconds = (performance.now() - began) / 1000;
    await sleep(Math.max(0, TERM_SECONDS - seconds) * 1000);
    const meanwhile = await show(
      () => validate(shown!),
      () => until(() => haveEnded(platform, ending), PATIENCE_MS),
    );
    const lags = await lagsOf(platform, ending);
    console.log(`  ${timer}: at most ${rounded(Math.max(...lags))} s late`);
    return { timer, activatedPerSecond: cards / seconds, lags, quiet, meanwhile };
  } finally {
    await client.close();
    await platform.remove();
  }
}

/** The codes of all cards of a batch. */
async function codesOf({ database, codes }: CardPlatform, batchId: string): Promise<string[]> {
  const rows = await ask<{ id: string; code_sealed: string }>(
    database,
    `SELECT id, code_sealed FROM cards WHERE batch_id = '${batchId}'`,
  );
  return rows.map(({ id, code_sealed: sealed }) => codes.unseal(sealed, id));
}

async function askFor(client: Pool, code: string): Promise<void> {
  const { statusCode, body } = await client.request({
    method: "POST",
    path: "/api/validate",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ code, machine_code: "bench" }),
  });
  const text = await body.text();
  if (statusCode !== 200) throw new Error(`a validation was answered ${statusCode}: ${text}`);
}

/** Shows a card at a steady pace while `body` runs: the milliseconds from when each was due until it was answered. */
async function show(validate: () => Promise<void>, body: () => Promise<unknown>) {
  const tookMs: number[] = [];
  const asked: Promise<void>[] = [];
  const over = new AbortController();
  const showing = (async () => {
    for (let due = performance.now(); !over.signal.aborted; due += 1000 / SHOWN_PER_SECOND) {
      await sleep(Math.max(0, due - performance.now()));
      const since = due;
      asked.push(validate().then(() => void tookMs.push(performance.now() - since)));
    }
    await Promise.all(asked);
  })();
  try {
    await body();
  } finally {
    over.abort();
    await showing;
  }
  return tookMs.sort((one, other) => one - other);
}

async function haveEnded({ database }: CardPlatform, batchId: string): Promise<boolean> {
  const left = await ask(
    database,
    `SELECT id FROM cards WHERE batch_id = '${batchId}' AND state = 'active' LIMIT 1`,
  );
  return left.length === 0;
}

async function lagsOf({ database }: CardPlatform, batchId: string): Promise<number[]> {
  const rows = await ask<{ expire_at: string; updated_at: string }>(
    database,
    `SELECT expire_at, updated_at FROM cards WHERE batch_id = '${batchId}'`,
  );
  return rows
    .map(({ expire_at: due, updated_at: ended }) => (Date.parse(ended) - Date.parse(due)) / 1000)
    .sort((one, other) => one - other);
}

/** What so large a part of sorted numbers does not exceed. */
function at(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}
