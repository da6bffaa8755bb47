import { setTimeout as sleep } from "node:timers/promises";
import { CARD_FILTERS, type Order } from "../arguments.ts";
import { type Desk, persist } from "../desk.ts";
import { UsageFault } from "../endings.ts";

const LOOK_MS = 500;

/** An order that the platform works on. */
interface Working {
  id: string;
  status: string;
}

/** Looks at an order again and again while it is in one of these states; says how far it is each time that it moved. */
export async function followOrder<T extends Working>(
  desk: Desk,
  path: string,
  { while: states, say }: { while: readonly string[]; say: (one: T) => string },
): Promise<T> {
  for (let said = ""; ;) {
    const one = await persist(desk, () => desk.connection.ask<T>("GET", path));
    if (!states.includes(one.status)) return one;
    const line = say(one);
    if (line !== said) desk.screen.remark(line);
    said = line;
    await sleep(LOOK_MS, undefined, { signal: desk.signal });
  }
}

/** An option that the command cannot do without. */
export function wanted({ screen }: Desk, options: Order["options"], name: string): string {
  const value = options[name];
  if (typeof value !== "string" || value === "") throw new UsageFault(screen.words.needed(name));
  return value;
}

/** The same, as a whole number. */
export function numberOf(desk: Desk, options: Order["options"], name: string): number {
  const text = wanted(desk, options, name);
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageFault(desk.screen.words.noNumber(name));
}

/** Those of these options that were given. */
export function chosen(options: Order["options"], names: readonly string[]) {
  return Object.fromEntries(
    names.flatMap((name): [string, string][] => {
      const value = options[name];
      return typeof value === "string" ? [[name, value]] : [];
    }),
  );
}

/** What cards are picked by, as the platform calls it. */
export function filtersIn(options: Order["options"]): Record<string, string> {
  const { batch, ...rest } = chosen(options, Object.keys(CARD_FILTERS));
  return { ...rest, ...(batch !== undefined && { batch_id: batch }) };
}
