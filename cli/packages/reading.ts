import type { Order } from "../arguments.ts";
import { type Desk, everyItem } from "../desk.ts";
import { EXIT, Refused, UsageFault } from "../endings.ts";
import { table } from "../screen.ts";
import { concludeRun, followRun } from "./following.ts";
import { findPackage, packagePath, type PackageOut, type RunOut, ROOT } from "./platform.ts";

const SHOWN_PACKAGES = 20;

/** Shows packages, newest first. */
export async function list(desk: Desk, { options }: Order): Promise<number> {
  const { words, print, remark } = desk.screen;
  const limit = options["limit"] === undefined ? SHOWN_PACKAGES : Number(options["limit"]);
  if (!Number.isSafeInteger(limit) || limit < 1) throw new UsageFault(words.badLimit);
  const items: PackageOut[] = [];
  let hasMore = false;
  for await (const item of everyItem<PackageOut>(desk, ROOT, Math.min(limit + 1, 100))) {
    hasMore = items.length === limit;
    if (hasMore) break;
    items.push(item);
  }
  if (options["json"]) {
    print(JSON.stringify({ items, more: hasMore }, null, 2));
    return EXIT.done;
  }
  const { id, name, type, live, status, changed } = words.columns;
  const rows = items.map((item) => [
    item.id,
    item.name,
    item.type,
    item.live_version ?? "-",
    item.status,
    item.updated_at,
  ]);
  print(table([[id, name, type, live, status, changed], ...rows]));
  if (hasMore) remark(words.more(limit));
  return EXIT.done;
}

/** Shows the log of a run; with `--follow` until the run has ended, and ends as the run did. */
export async function log(desk: Desk, { operands, options }: Order): Promise<number> {
  const { connection, screen } = desk;
  const owner = await findPackage(desk, operands[0]!);
  const runId = operands[1] ?? owner.latest_run?.id;
  if (!runId)
    throw new Refused(404, { code: "packages/run-not-found", detail: screen.words.noRun });
  const path = packagePath(owner.id, "runs", runId);
  if (options["follow"]) {
    const run = await followRun(desk, owner.id, runId);
    if (options["json"]) screen.print(JSON.stringify({ run }, null, 2));
    return concludeRun(desk, run);
  }
  const run = await connection.ask<RunOut>("GET", path);
  const text = await connection.readText(`${path}/log`);
  if (options["json"]) screen.print(JSON.stringify({ run, log: text }, null, 2));
  else screen.printLog(text);
  return EXIT.done;
}

/** Shows what clients are told about a package. */
export async function query(desk: Desk, { operands, options }: Order): Promise<number> {
  const which = operands[0]!;
  const parameter = /^\d+$/.test(which) ? "package_id" : "package_name";
  const path = `/api/v1/package/query?${parameter}=${encodeURIComponent(which)}`;
  const { data } = await desk.connection.ask<{ data: Record<string, string | number | null> }>(
    "GET",
    path,
  );
  const rows = Object.entries(data).map(([name, value]) => [name, String(value ?? "-")]);
  desk.screen.print(options["json"] ? JSON.stringify(data, null, 2) : table(rows));
  return EXIT.done;
}
