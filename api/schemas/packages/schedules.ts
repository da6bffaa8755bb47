import { z } from "zod";
import { LIMITS } from "../../../domain/limits.ts";
import { STABLE } from "../../../domain/packages.ts";
import type { PackageRun, PackageSchedule } from "../../../models/packages/index.ts";
import { Channel, presentRunSummary, RunSummary } from "../packages.ts";

const Moment = z.iso.datetime({ offset: true });

/** When a package is built again: what is live on a channel, at intervals that begin now. */
export const Schedule = z.strictObject({
  interval_seconds: z
    .number()
    .int()
    .min(LIMITS.shortestIntervalSeconds)
    .max(LIMITS.longestIntervalSeconds),
  channel: Channel.default(STABLE),
  paused: z.boolean().default(false),
});

export const ScheduleOut = z.strictObject({
  interval_seconds: z.number().int(),
  channel: z.string(),
  paused: z.boolean(),
  /** `pending` until Temporal keeps it so, `unreachable` while Temporal cannot be asked. */
  state: z.enum(["applied", "pending", "unreachable"]),
  next_runs: z.array(Moment),
  last_tick_at: Moment.nullable(),
  last_run: RunSummary.nullable(),
  /** Why the last tick ordered nothing; null when it did. */
  last_skip_reason: z.string().nullable(),
  /** Ticks that were left out because a run was under way, or nothing was live. */
  skipped: z.number().int(),
  /** Ticks of outages that nobody made up for: all but the last of each. */
  missed: z.number().int(),
  set_by: z.string(),
  created_at: Moment,
  updated_at: Moment,
});

/** What Temporal says of a schedule. */
interface SeenSchedule {
  everySeconds: number;
  isPaused: boolean;
  nextAt: Date[];
  skipped: number;
  missed: number;
}

/** A schedule with what is told beside it. `seen` is undefined when Temporal keeps none, null when it cannot be asked. */
export interface ScheduleView {
  row: PackageSchedule;
  lastRun: { run: PackageRun; version: string } | undefined;
  seen: SeenSchedule | undefined | null;
}

export function presentSchedule({ row, lastRun, seen }: ScheduleView): z.input<typeof ScheduleOut> {
  return {
    interval_seconds: row.intervalSeconds,
    channel: row.channel,
    paused: row.isPaused,
    state: seen === null ? "unreachable" : isAsSet(row, seen) ? "applied" : "pending",
    next_runs: row.isPaused ? [] : (seen?.nextAt ?? []).map((at) => at.toISOString()),
    last_tick_at: row.lastTickAt?.toISOString() ?? null,
    last_run: lastRun ? presentRunSummary(lastRun.run, lastRun.version) : null,
    last_skip_reason: row.lastSkipReason,
    skipped: row.skippedTicks + (seen?.skipped ?? 0),
    missed: seen?.missed ?? 0,
    set_by: row.setBy,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}

function isAsSet({ intervalSeconds, isPaused }: PackageSchedule, seen: SeenSchedule | undefined) {
  return seen?.everySeconds === intervalSeconds && seen.isPaused === isPaused;
}
