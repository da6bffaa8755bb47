import { ApplicationFailure, ApplicationFailureCategory } from "@temporalio/common";
import { workflowId } from "../../domain/ids.ts";
import { isFinal, type RunState } from "../../domain/packages.ts";
import { inTransaction } from "../../models/database.ts";
import {
  Package,
  PackageRun,
  PackageSchedule,
  takeTick,
  type Tick,
} from "../../models/packages/index.ts";
import type { DoorOrder, RunIds } from "./contract.ts";
import type { PackageTools } from "./tools.ts";

/** How often is looked whether a run has ended: seldom, for it may wait for a person for months. */
const LOOK_SECONDS = 5;

/** What makes packages be built again at intervals. */
export function createScheduleActivities({ database, schedules }: PackageTools) {
  return {
    /** Twice: Temporal is brought to what the row says, whatever it kept before. */
    async followSchedule({ packageId }: DoorOrder): Promise<void> {
      const id = workflowId("package", packageId, "tick");
      const row = await PackageSchedule.findByPk(packageId);
      const owner = await Package.findByPk(packageId);
      if (!row || !owner || owner.deletedAt) return schedules.remove(id);
      await schedules.apply({
        id,
        everySeconds: row.intervalSeconds,
        anchorMs: row.anchoredAt.getTime(),
        isPaused: row.isPaused,
        workflow: "packageTick",
        input: { packageId },
        summary: `Build ${owner.name} again`,
        kind: "tick",
        subject: String(owner.serial),
      });
    },

    /** Twice: the tick was taken, and its outcome is the same. */
    async takeTick(tick: { packageId: string; tickId: string }): Promise<Tick> {
      return inTransaction(database, (transaction) => takeTick(tick, transaction));
    },

    /** Twice: it only looks. Fails until the run has ended, so that no worker is kept waiting with it. */
    async awaitRun({ runId }: Pick<RunIds, "runId">): Promise<RunState> {
      const run = await PackageRun.findByPk(runId, { attributes: ["state"] });
      if (!run || isFinal(run.state)) return run?.state ?? "cancelled";
      throw ApplicationFailure.create({
        message: `The run is ${run.state}.`,
        category: ApplicationFailureCategory.BENIGN,
        nextRetryDelay: `${LOOK_SECONDS} seconds`,
      });
    },
  };
}
