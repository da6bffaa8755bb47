import { type Connection, isPassing } from "../connection.ts";
import { Refused } from "../endings.ts";
import { patiently } from "../patience.ts";
import type { Screen } from "../screen.ts";

/** What every command of packages works with. */
export interface Desk {
  connection: Connection;
  screen: Screen;
  signal: AbortSignal;
}

/** What of a package this command looks at; the rest is handed on as it came. */
export interface PackageOut {
  id: string;
  name: string;
  type: string;
  status: string;
  live_version: string | null;
  download_url: string | null;
  channels: { name: string; live_version: string | null; download_url: string | null }[];
  latest_run: RunOut | null;
  updated_at: string;
}

export interface VersionOut {
  version: string;
  original_sha256: string;
}

export interface RunOut {
  id: string;
  kind: string;
  version: string;
  channel: string;
  status: string;
  reason: string | null;
}

/** What a rollback would do. */
export interface ForecastOut {
  channel: string;
  from: { version: string } | null;
  to: { version: string };
  passes: boolean;
  refusal: { code: string; message: string } | null;
}

interface PageOut<T> {
  items: T[];
  next: string | null;
}

const ROOT = "/api/v1/packages";
const PAGE_ITEMS = 100;

export function packagePath(id: string, ...parts: string[]): string {
  return [ROOT, ...[id, ...parts].map((part) => encodeURIComponent(part))].join("/");
}

/** Every item of a list, read page by page as it is wanted; newest first. */
export async function* everyItem<T>(
  { connection }: Pick<Desk, "connection">,
  path: string = ROOT,
  pageItems = PAGE_ITEMS,
): AsyncGenerator<T> {
  let after = "";
  do {
    const query = `?limit=${pageItems}${after && `&after=${encodeURIComponent(after)}`}`;
    const { items, next } = await connection.ask<PageOut<T>>("GET", path + query);
    yield* items;
    after = next ?? "";
  } while (after);
}

/** The package with this name. */
export async function findByName(
  { connection }: Pick<Desk, "connection">,
  name: string,
): Promise<PackageOut | undefined> {
  // A star at the end means what begins so; of that, the name itself comes first.
  const asked = encodeURIComponent(name.endsWith("*") ? `${name}*` : name);
  const { items } = await connection.ask<PageOut<PackageOut>>(
    "GET",
    `${ROOT}?name=${asked}&limit=1`,
  );
  return items.find((item) => item.name === name);
}

/** The package that is meant by an id or a name. Throws `Refused` when there is none. */
export async function findPackage(desk: Desk, which: string): Promise<PackageOut> {
  if (/^\d+$/.test(which)) return desk.connection.ask("GET", packagePath(which));
  const found = await findByName(desk, which);
  if (found) return found;
  throw new Refused(404, {
    code: "packages/not-found",
    detail: desk.screen.words.noPackage(which),
  });
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
