import { randomUUID } from "node:crypto";
import type { Order } from "../arguments.ts";
import { type Desk, persist } from "../desk.ts";
import { EXIT, UsageFault } from "../endings.ts";
import { chosen, filtersIn, followOrder, numberOf } from "./orders.ts";

/** What of a bulk this command looks at; the rest is handed on as it came. */
interface BulkOut {
  id: string;
  verb: string;
  status: string;
  total: number;
  changed: number;
  refused: number;
  undone: number;
  kept: number;
  error: string | null;
}

const BULKS = "/api/v1/cards/bulk";

/** Does something with all cards that match, and waits for it; or only says what would happen. The same `--key` again meets the same order. */
export async function bulk(desk: Desk, { operands, options }: Order): Promise<number> {
  const { connection, screen } = desk;
  const [verb] = operands;
  const filter = filtersIn(options);
  const json = {
    verb,
    filter,
    parameters: {
      ...(options["seconds"] !== undefined && { seconds: numberOf(desk, options, "seconds") }),
      ...chosen(options, ["note"]),
    },
    ...chosen(options, ["reason"]),
  };
  if (options["dry-run"]) {
    const asking = { json: { ...json, dry_run: true } };
    const forecast = await connection.ask<{ summary: string }>("POST", BULKS, asking);
    screen.print(options["json"] ? JSON.stringify(forecast, null, 2) : forecast.summary);
    return EXIT.done;
  }
  if (Object.keys(filter).length === 0 && !options["yes"]) {
    throw new UsageFault(screen.words.allCards);
  }
  // Without a name of one's own for it, an order is repeated by this command alone, after a lost connection.
  const headers = { "Idempotency-Key": String(options["key"] ?? `bulk-${randomUUID()}`) };
  const ordered = await persist(desk, () =>
    connection.ask<BulkOut>("POST", BULKS, { json, headers }),
  );
  screen.remark(screen.words.bulkOrdered(ordered.id, ordered.total));
  return finish(desk, ordered, options);
}

/** Takes back what was done with many cards, and waits for it. Twice is harmless. */
export async function undo(desk: Desk, { operands, options }: Order): Promise<number> {
  const path = `${BULKS}/${encodeURIComponent(operands[0]!)}/undo`;
  const ordered = await persist(desk, () => desk.connection.ask<BulkOut>("POST", path));
  return finish(desk, ordered, options);
}

async function finish(desk: Desk, ordered: BulkOut, options: Order["options"]): Promise<number> {
  const { screen } = desk;
  const { words } = screen;
  const done = options["no-follow"]
    ? ordered
    : await followOrder<BulkOut>(desk, `${BULKS}/${encodeURIComponent(ordered.id)}`, {
        while: ["queued", "running", "undoing"],
        say: ({ status, changed, refused, undone, kept, total }) =>
          status === "undoing"
            ? words.undoing(undone + kept, changed)
            : words.changing(changed + refused, total),
      });
  screen.print(options["json"] ? JSON.stringify({ bulk: done }, null, 2) : done.id);
  const { status, changed, refused, undone, kept, error } = done;
  if (status === "failed" || status === "undo_failed") {
    screen.remark(words.bulkFailed(error ?? "?"));
    return EXIT.runFailed;
  }
  if (status === "completed") screen.remark(words.bulkDone(changed, refused));
  if (status === "undone") screen.remark(words.bulkUndone(undone, kept));
  return EXIT.done;
}
