import { randomUUID } from "node:crypto";
import type { Order } from "../arguments.ts";
import { type Desk, persist } from "../desk.ts";
import { EXIT } from "../endings.ts";
import { concludeRun, followRun } from "./following.ts";
import {
  findPackage,
  type ForecastOut,
  packagePath,
  type PackageOut,
  type RunOut,
} from "./platform.ts";

/** Lets the link show an earlier version again and follows the run. */
export async function rollback(desk: Desk, { operands, options }: Order): Promise<number> {
  const { connection, screen } = desk;
  const [which, version] = operands as [string, string];
  const { id } = await findPackage(desk, which);
  if (options["dry-run"]) return foresee(desk, id, version, options["json"] === true);
  // A new key for each command: rolling back to a version twice may well be meant.
  const headers = { "Idempotency-Key": `rollback-${randomUUID()}` };
  const accepted = await persist(desk, () =>
    connection.ask<PackageOut & { run: RunOut }>("POST", packagePath(id, "rollback"), {
      json: { version },
      headers,
    }),
  );
  const { run: started, ...owner } = accepted;
  screen.remark(screen.words.accepted(id, started.id));
  const follow = !options["no-follow"];
  const run = follow ? await followRun(desk, id, started.id) : started;
  const shown = follow
    ? await persist(desk, () => connection.ask<PackageOut>("GET", packagePath(id)))
    : owner;
  if (options["json"]) screen.print(JSON.stringify({ package: shown, run }, null, 2));
  return follow ? concludeRun(desk, run, shown) : EXIT.done;
}

/** Says what a rollback would do; nothing happens. */
async function foresee(
  { connection, screen }: Desk,
  id: string,
  version: string,
  isJson: boolean,
): Promise<number> {
  const told = await connection.ask<ForecastOut>("POST", packagePath(id, "rollback"), {
    json: { version, dry_run: true },
  });
  if (isJson) screen.print(JSON.stringify(told, null, 2));
  const { channel, from, to, passes, refusal } = told;
  screen.remark(
    passes
      ? screen.words.wouldShow(channel, from?.version ?? "-", to.version)
      : screen.words.wouldNot(refusal?.message ?? screen.words.bytesGone(to.version)),
  );
  return passes ? EXIT.done : EXIT.refused;
}
