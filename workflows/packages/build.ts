import {
  CancellationScope,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  workflowInfo,
} from "@temporalio/workflow";
import type { PackageActivities } from "../../activities/packages/index.ts";
import type { Artefact, BuildPlan, RunOrder } from "../../activities/packages/contract.ts";
import { STEP_SECONDS } from "../../domain/packages.ts";
import type { BuildStep } from "../../domain/packages.ts";
import { QUEUES } from "../../domain/queues.ts";
import { openParking } from "../helpers/parking.ts";
import { persistently } from "../helpers/persistence.ts";
import { enterStage } from "../helpers/stage.ts";

const { beginBuild, endRun, parkRun, resumeRun } = proxyActivities<PackageActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "10 seconds",
  retry: { maximumInterval: "10 seconds" },
  summary: "record where the run stands",
});

const TOOL_TRIES = 3;

/** `built` when the version is kept and may be published; `ended` when the run is over. */
export type BuildResult = "built" | "ended";

/** One version: its original goes through every step of its plan and comes out ready to be published. */
export async function packageBuild(order: RunOrder): Promise<BuildResult> {
  const parking = openParking();
  const ids = { packageId: order.packageId, runId: order.runId };
  try {
    const plan = await beginBuild(order);
    if (!plan.open) return "ended";

    let artefact = plan.original;
    for (const step of plan.steps) {
      showProgress(order, plan, step);
      enterStage(step);
      const ended = await persistently((tries) => runStep(order, plan, step, artefact, tries), {
        parking,
        maximumTries: TOOL_TRIES,
        async onPark(reason) {
          enterStage("parked", reason.slice(0, 200));
          showProgress(order, plan, step, reason);
          await parkRun({ ...ids, workflowId: workflowInfo().workflowId, step, reason });
        },
        async onResume(decision) {
          enterStage(step);
          showProgress(order, plan, step);
          await resumeRun({ ...ids, step, reason: decision });
        },
      });
      if (ended.outcome !== "done") {
        const cancelled = ended.outcome !== "bad-content";
        const reason = "reason" in ended ? ended.reason : "A newer run took over.";
        await endRun({ ...ids, state: cancelled ? "cancelled" : "failed", reason });
        enterStage(cancelled ? "cancelled" : "failed");
        return "ended";
      }
      artefact = ended.value;
    }
    enterStage("built");
    showProgress(order, plan);
    return "built";
  } catch (error) {
    if (isCancellation(error)) {
      await CancellationScope.nonCancellable(() =>
        endRun({ ...ids, state: "cancelled", reason: "The build was cancelled." }),
      );
    }
    throw error;
  }
}

function runStep(
  order: RunOrder,
  plan: BuildPlan,
  step: BuildStep,
  input: Artefact,
  tries: number,
): Promise<Artefact> {
  const { runBuildStep } = proxyActivities<PackageActivities>({
    taskQueue: QUEUES.build,
    // The tool's own limit ends it first; this one is for a worker that hangs.
    startToCloseTimeout: `${STEP_SECONDS[step] + 600} seconds`,
    heartbeatTimeout: "5 seconds",
    retry: { initialInterval: "1 second", maximumInterval: "10 seconds" },
    summary: tries === 0 ? step : `${step}, again (${tries + 1})`,
  });
  const { packageId, runId } = order;
  const { versionId, type } = plan;
  return runBuildStep({ packageId, runId, step, versionId, type, input, tries });
}

/** The status sheet in Temporal's Web UI. */
function showProgress(
  order: RunOrder,
  plan: BuildPlan,
  current?: BuildStep,
  parked?: string,
): void {
  const at = current ? plan.steps.indexOf(current) : plan.steps.length;
  const lines = plan.steps.map((step, index) => {
    const mark = index < at ? "done" : index > at ? "waits" : parked ? "**parked**" : "**running**";
    return `| ${index + 1} | ${step} | ${mark} |`;
  });
  setCurrentDetails(
    [
      `### ${order.title} (${plan.type})`,
      "",
      "| # | step | state |",
      "| --- | --- | --- |",
      ...lines,
      ...(parked
        ? ["", `**Waits for an operator:** ${parked}`, "", "Send the update `resolve`."]
        : []),
    ].join("\n"),
  );
}
