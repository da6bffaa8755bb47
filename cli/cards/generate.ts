import { randomUUID } from "node:crypto";
import type { Order } from "../arguments.ts";
import { type Desk, persist } from "../desk.ts";
import { EXIT } from "../endings.ts";
import { chosen, followOrder, numberOf, wanted } from "./orders.ts";

/** What of a batch this command looks at; the rest is handed on as it came. */
interface BatchOut {
  id: string;
  status: string;
  generated: number;
  count: number;
  error: string | null;
}

const BATCHES = "/api/v1/cards/batches";

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
  const batch = options["no-follow"]
    ? ordered
    : await followOrder<BatchOut>(desk, `${BATCHES}/${encodeURIComponent(ordered.id)}`, {
        while: ["queued", "generating"],
        say: ({ generated, count }) => screen.words.making(generated, count),
      });
  if (options["json"]) screen.print(JSON.stringify({ batch }, null, 2));
  else screen.print(batch.id);
  return conclude(desk, batch);
}

function conclude({ screen }: Desk, { status, generated, count, error }: BatchOut): number {
  if (status === "failed") {
    screen.remark(screen.words.batchFailed(generated, count, error ?? "?"));
    return EXIT.runFailed;
  }
  if (status === "completed") screen.remark(screen.words.made(generated));
  return EXIT.done;
}
