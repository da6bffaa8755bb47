import { setTimeout as sleep } from "node:timers/promises";
import { isFinal, RUN_STATES, type RunState } from "../../domain/packages.ts";
import { type Desk, persist } from "../desk.ts";
import { EXIT } from "../endings.ts";
import { packagePath, type PackageOut, type RunOut } from "./platform.ts";

const LOOK_MS = 1000;

/**
 * Shows a run's log as it grows until the run has ended or waits for an operator; answers the run as it is then. A lost
 * connection costs nothing: the log goes on at the byte where it stopped.
 */
export async function followRun(desk: Desk, packageId: string, runId: string): Promise<RunOut> {
  const path = packagePath(packageId, "runs", runId);
  for (let after = 0; ;) {
    // The run first: when it has ended by then, its log is whole.
    const run = await persist(desk, () => desk.connection.ask<RunOut>("GET", path));
    const text = await persist(desk, () => desk.connection.readText(`${path}/log?after=${after}`));
    if (text) desk.screen.printLog(text);
    after += Buffer.byteLength(text);
    if (hasEnded(run) || run.status === "parked") return run;
    await sleep(LOOK_MS, undefined, { signal: desk.signal });
  }
}

/** Says how a run of a package, or of a draft, ended, and answers the exit code for it. */
export function concludeRun({ screen }: Desk, run: RunOut, of?: PackageOut | "draft"): number {
  const { words } = screen;
  switch (run.status) {
    case "succeeded":
      if (of === "draft") {
        screen.remark(words.drafted(run.version));
        return EXIT.done;
      }
      screen.remark(words.ended.succeeded(run.version));
      for (const { name, live_version: live, download_url: url } of of?.channels ?? []) {
        if (name === run.channel && live === run.version && url) screen.remark(words.link(url));
      }
      return EXIT.done;
    case "superseded":
      screen.remark(words.ended.superseded(run.version));
      return EXIT.done;
    case "parked":
      screen.remark(words.parked(run.version, run.reason ?? "?"));
      return EXIT.runParked;
    case "quarantined":
      screen.remark(words.held(run.version, run.reason ?? "?"));
      return EXIT.runParked;
    case "failed":
    case "cancelled":
      screen.remark(`${words.ended[run.status](run.version)}: ${run.reason ?? "?"}`);
      return EXIT.runFailed;
    default:
      return EXIT.done;
  }
}

/** A state that this command does not know yet is not taken for an end. */
function hasEnded({ status }: RunOut): boolean {
  return RUN_STATES.includes(status as RunState) && isFinal(status as RunState);
}
