import { type Connection, isPassing } from "./connection.ts";
import { patiently } from "./patience.ts";
import type { Screen } from "./screen.ts";

/** What every command works with. */
export interface Desk {
  connection: Connection;
  screen: Screen;
  signal: AbortSignal;
}

interface PageOut<T> {
  items: T[];
  next: string | null;
}

const PAGE_ITEMS = 100;

/** Every item of a list, read page by page as it is wanted, in the order of the list. */
export async function* everyItem<T>(
  { connection }: Pick<Desk, "connection">,
  path: string,
  pageItems = PAGE_ITEMS,
): AsyncGenerator<T> {
  let after = "";
  do {
    const place = `limit=${pageItems}${after && `&after=${encodeURIComponent(after)}`}`;
    const address = `${path}${path.includes("?") ? "&" : "?"}${place}`;
    const { items, next } = await connection.ask<PageOut<T>>("GET", address);
    yield* items;
    after = next ?? "";
  } while (after);
}

/** Does it again after a lost connection, and says so. An address that never answered is not waited for. */
export function persist<T>(desk: Desk, attempt: () => Promise<T>): Promise<T> {
  const { connection, screen, signal } = desk;
  return patiently(attempt, {
    signal,
    isHopeful: (error) => connection.hasAnswered() && isPassing(error),
    onPause: (error, seconds) =>
      screen.remark(screen.words.retrying(error.message.replace(/\.$/, ""), seconds)),
  });
}
