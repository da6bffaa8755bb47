import {
  CancellationScope,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  workflowInfo,
} from "@temporalio/workflow";
import type { PackageActivities } from "../../activities/packages/index.ts";
import type {
  Artefact,
  BuildPlan,
  RunOrder,
  StepRule,
} from "../../activities/packages/contract.ts";
import type { BuildStep } from "../../domain/packages.ts";
import { QUEUES } from "../../domain/queues.ts";
import { openParking } from "../helpers/parking.ts";
import { persistently } from "../helpers/persistence.ts";
import { enterStage } from "../helpers/stage.ts";
import { beginBuild, endRun, parkRun, resumeRun } from "./records.ts";

/** For plans that were made before pipelines had rules of their own. */
const USUAL: StepRule = { timeoutSeconds: 7200, tries: 3, pauseSeconds: 1 };
const SLOW_STORE_BYTES_PER_SECOND = 4 * 1024 * 1024;

/** How a run ends whose step cannot go on. */
const END_OF = {
  "bad-content": "failed",
  finding: "quarantined",
  aborted: "cancelled",
  "gave-way": "cancelled",
} as const;

/**
 * One version: its original goes through every step of its plan and comes out ready to be published. Answers the
 * number under which, for a retry has taken a later one; null when the run is over.
 */
export async function packageBuild(order: RunOrder): Promise<number | null> {
  const parking = openParking();
  const ids = { packageId: order.packageId, runId: order.runId };
  try {
    const plan = await beginBuild(order);
    if (!plan.open) return null;

    let { number } = order;
    let artefact = plan.original;
    const steps = [...plan.steps];
    while (steps.length > 0) {
      const step = steps[0]!;
      const rule = plan.rules?.[step] ?? USUAL;
      showProgress(order, plan, step);
      enterStage(step);
      const ended = await persistently((tries) => runStep(order, plan, step, artefact, tries), {
        parking,
        maximumTries: rule.tries,
        firstPauseSeconds: rule.pauseSeconds,
        async onPark(reason) {
          enterStage("parked", reason.slice(0, 200));
          showProgress(order, plan, step, reason);
          await parkRun({ ...ids, workflowId: workflowInfo().workflowId, step, reason });
        },
      });
      if (ended.outcome === "done") {
        artefact = ended.value;
        steps.shift();
      } else if (ended.outcome === "retry") {
        number = await resumeRun({ ...ids, step, reason: ended.reason });
      } else {
        const state = END_OF[ended.outcome];
        const reason = "reason" in ended ? ended.reason : "A newer run took over.";
        await endRun({ ...ids, state, reason });
        enterStage(state);
        return null;
      }
    }
    enterStage("built");
    showProgress(order, plan);
    return number;
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
  // The tool's own limit ends it first; this one is for a worker that hangs. A slow store is given its time.
  const transferSeconds = Math.ceil((2 * input.bytes) / SLOW_STORE_BYTES_PER_SECOND);
  const { timeoutSeconds } = plan.rules?.[step] ?? USUAL;
  const { runBuildStep } = proxyActivities<PackageActivities>({
    taskQueue: QUEUES.build,
    startToCloseTimeout: `${timeoutSeconds + 600 + transferSeconds} seconds`,
    heartbeatTimeout: "5 seconds",
    retry: { initialInterval: "1 second", maximumInterval: "10 seconds" },
    summary: tries === 0 ? step : `${step}, again (${tries + 1})`,
  });
  const { packageId, runId } = order;
  const { versionId, type } = plan;
  const isKept = plan.isKept === true && input.key === plan.original.key;
  const kept = isKept ? { isKept } : {};
  return runBuildStep({ packageId, runId, step, versionId, type, input, tries, ...kept });
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
