import type { Order } from "../arguments.ts";
import type { Desk } from "../desk.ts";
import { EXIT, UsageFault } from "../endings.ts";
import { table } from "../screen.ts";

/** Shows a card as a client would, and says what came of it. */
export async function validate(desk: Desk, { operands, options }: Order): Promise<number> {
  const { connection, screen } = desk;
  const { machine, product } = options;
  if (typeof machine !== "string") throw new UsageFault(screen.words.needed("machine"));
  const verdict = await connection.ask<Record<string, unknown>>("POST", "/api/validate", {
    json: { code: operands[0], machine_code: machine, ...(product && { product }) },
  });
  const rows = Object.entries(verdict).map(([name, value]) => [
    name,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  screen.print(options["json"] ? JSON.stringify(verdict, null, 2) : table(rows));
  return EXIT.done;
}
