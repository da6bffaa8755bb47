import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Order } from "../arguments.ts";
import { type Desk, persist } from "../desk.ts";
import { EXIT, UsageFault } from "../endings.ts";

/** What of a batch this command looks at; the rest is handed on as it came. */
interface BatchOut {
  id: string;
  status: string;
  generated: number;
  count: number;
  error: string | null;
}

const BATCHES = "/api/v1/cards/batches";
const LOOK_MS = 500;

/** Orders cards and waits until they are made. The same `--key` again meets the same batch. */
export async function generate(desk: Desk, { options }: Order): Promise<number> {
  const { connection, screen } = desk;
  const json = {
    prefix: wanted(desk, options, "prefix"),
    count: numberOf(desk, options, "count"),
    ...(options["length"] !== undefined && { code_length: numberOf(desk, options, "length") }),
    ...chosen(options, ["alphabet", "policy", "product", "note"]),
    ...(options["yes"] && { confirm: true }),
  };
  // Without a name of one's own for it, an order is repeated by this command alone, after a lost connection.
  const headers = { "Idempotency-Key": String(options["key"] ?? `cards-${randomUUID()}`) };
  const asking = { json, headers };
  const ordered = await persist(desk, () => connection.ask<BatchOut>("POST", BATCHES, asking));
  screen.remark(screen.words.ordered(ordered.id));
  const batch = options["no-follow"] ? ordered : await followBatch(desk, ordered);
  if (options["json"]) screen.print(JSON.stringify({ batch }, null, 2));
  else screen.print(batch.id);
  return conclude(desk, batch);
}

async function followBatch(desk: Desk, ordered: BatchOut): Promise<BatchOut> {
  const path = `${BATCHES}/${encodeURIComponent(ordered.id)}`;
  for (let seen = -1; ;) {
    const batch = await persist(desk, () => desk.connection.ask<BatchOut>("GET", path));
    if (batch.status !== "queued" && batch.status !== "generating") return batch;
    if (batch.generated !== seen) {
      seen = batch.generated;
      desk.screen.remark(desk.screen.words.making(seen, batch.count));
    }
    await sleep(LOOK_MS, undefined, { signal: desk.signal });
  }
}

function conclude({ screen }: Desk, { status, generated, count, error }: BatchOut): number {
  if (status === "failed") {
    screen.remark(screen.words.batchFailed(generated, count, error ?? "?"));
    return EXIT.runFailed;
  }
  if (status === "completed") screen.remark(screen.words.made(generated));
  return EXIT.done;
}

function wanted({ screen }: Desk, options: Order["options"], name: string): string {
  const value = options[name];
  if (typeof value !== "string" || value === "") throw new UsageFault(screen.words.needed(name));
  return value;
}

function numberOf(desk: Desk, options: Order["options"], name: string): number {
  const text = wanted(desk, options, name);
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageFault(desk.screen.words.noNumber(name));
}

function chosen(options: Order["options"], names: readonly string[]) {
  return Object.fromEntries(
    names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]),
  );
}
