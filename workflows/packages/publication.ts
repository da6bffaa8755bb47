import { proxyActivities, workflowInfo } from "@temporalio/workflow";
import type { PackageActivities } from "../../activities/packages/index.ts";
import type { PublicationPlan, RunOrder } from "../../activities/packages/contract.ts";
import { PUBLICATION_STEPS } from "../../domain/packages.ts";
import type { PublicationStep } from "../../domain/packages.ts";
import { QUEUES } from "../../domain/queues.ts";
import type { Parking } from "../helpers/parking.ts";
import { persistently } from "../helpers/persistence.ts";
import { enterStage } from "../helpers/stage.ts";

const { openPublication, recordLive, keepLog, endRun, parkRun, resumeRun } =
  proxyActivities<PackageActivities>({
    taskQueue: QUEUES.io,
    startToCloseTimeout: "10 seconds",
    retry: { maximumInterval: "10 seconds" },
    summary: "record where the publication stands",
  });

/** How often each step is tried before a person is asked: edges may show old bytes for a minute or two. */
const TRIES: Record<PublicationStep, number> = { switch: 5, purge: 8, check: 12 };

/** Tells the entity's status sheet what is going on. */
export type ShowPublication = (step: PublicationStep, parked?: string) => void;

/**
 * Brings one built version to the fixed link: intent, switch, purge, check, record. The link only ever moves
 * to a higher number; what comes too late, or is overtaken while it waits for a person, ends superseded.
 */
export async function publish(
  order: RunOrder,
  parking: Parking,
  overtaken: () => boolean,
  show: ShowPublication,
): Promise<void> {
  const ids = { packageId: order.packageId, runId: order.runId };
  const plan = await openPublication(order);
  if (!plan) {
    await endRun({ ...ids, state: "superseded", reason: "A later upload or rollback came first." });
    return;
  }

  for (const step of PUBLICATION_STEPS) {
    enterStage(step);
    show(step);
    const ended = await persistently(() => runStep(order, plan, step), {
      parking,
      maximumTries: TRIES[step],
      giveWay: overtaken,
      async onPark(reason) {
        // Nobody can tell whether a switch that failed has moved the link; make it certain before waiting.
        if (step === "switch") await putBack(order, plan);
        enterStage("parked", reason.slice(0, 200));
        show(step, reason);
        await parkRun({ ...ids, workflowId: workflowInfo().workflowId, step, reason });
      },
      async onResume(decision) {
        enterStage(step);
        show(step);
        await resumeRun({ ...ids, step, reason: decision });
      },
    });
    if (ended.outcome === "gave-way") {
      await endRun({
        ...ids,
        state: "superseded",
        reason: "A later upload or rollback took over.",
      });
      return;
    }
    if (ended.outcome !== "done") {
      await putBack(order, plan);
      await endRun({ ...ids, state: "cancelled", reason: ended.reason });
      return;
    }
  }
  await recordLive({ ...order, plan });
  await keepLog(ids);
}

function runStep(order: RunOrder, plan: PublicationPlan, step: PublicationStep): Promise<void> {
  const { switchLink, purgeLink, checkLink } = lasting(`${step}: ${plan.target.version}`);
  const run = { switch: switchLink, purge: purgeLink, check: checkLink }[step];
  return run({ ...order, plan });
}

/** Lets the link show again what it showed before; as far as that can be done, for a person looks at it anyway. */
async function putBack(order: RunOrder, plan: PublicationPlan): Promise<void> {
  const { restoreLink } = lasting("put the previous version back");
  await restoreLink({ ...order, plan });
}

function lasting(
  summary: string,
): Pick<PackageActivities, "switchLink" | "purgeLink" | "checkLink" | "restoreLink"> {
  return proxyActivities<PackageActivities>({
    taskQueue: QUEUES.io,
    startToCloseTimeout: "1 hour",
    heartbeatTimeout: "5 seconds",
    retry: { initialInterval: "1 second", maximumInterval: "10 seconds" },
    summary,
  });
}
