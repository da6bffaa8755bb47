import type { Order } from "../arguments.ts";
import { type Desk, everyItem } from "../desk.ts";
import { EXIT, Refused } from "../endings.ts";
import { showList } from "../listing.ts";
import { table } from "../screen.ts";
import { concludeRun, followRun } from "./following.ts";
import { findPackage, packagePath, type PackageOut, type RunOut, ROOT } from "./platform.ts";

/** Shows packages, newest first. */
export function list(desk: Desk, { options }: Order): Promise<number> {
  const { id, name, type, live, status, changed } = desk.screen.words.columns;
  return showList(desk, options, (pageItems) => everyItem<PackageOut>(desk, ROOT, pageItems), {
    header: [id, name, type, live, status, changed],
    row: (one) => [one.id, one.name, one.type, one.live_version ?? "-", one.status, one.updated_at],
  });
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
