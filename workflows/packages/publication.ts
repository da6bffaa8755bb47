import {
  CancellationScope,
  isCancellation,
  proxyActivities,
  workflowInfo,
} from "@temporalio/workflow";
import type { PackageActivities } from "../../activities/packages/index.ts";
import type { PublicationPlan, RunOrder } from "../../activities/packages/contract.ts";
import { PUBLICATION_STEPS } from "../../domain/packages.ts";
import type { PublicationStep } from "../../domain/packages.ts";
import { QUEUES } from "../../domain/queues.ts";
import type { Parking } from "../helpers/parking.ts";
import { persistently } from "../helpers/persistence.ts";
import { enterStage } from "../helpers/stage.ts";
import { endRun, keepLog, openPublication, parkRun, recordLive, resumeRun } from "./records.ts";

/** How often each step is tried before a person is asked: edges may show old bytes for a minute or two. */
const TRIES: Record<PublicationStep, number> = { switch: 5, purge: 8, check: 12 };

/** Why everything of a package ends that was under way. */
export const CANCELLED = "The package's workflow was cancelled.";

/** What a publication takes part in: the package's own workflow. */
export interface PublicationScene {
  parking: Parking;
  /** True when something with a higher number is ready to be published. */
  overtaken: (number: number) => boolean;
  /** Tells the entity's status sheet what is going on. */
  show: (step: PublicationStep, parked?: string) => void;
  /** Called when the package keeps a limited number of versions, and one more has been published. */
  keep: () => void;
}

/**
 * Brings one built version to the fixed link: intent, switch, purge, check, record. The link only ever moves
 * to a higher number; what comes too late, or is overtaken while it waits for a person, ends superseded.
 */
export async function publish(order: RunOrder, scene: PublicationScene): Promise<void> {
  let turn: RunOrder | undefined = order;
  try {
    while (turn) turn = await takeTurn(turn, scene);
  } catch (error) {
    if (isCancellation(error))
      await CancellationScope.nonCancellable(() => giveUp(turn!, CANCELLED));
    throw error;
  }
}

/** Publishes under the order's number. Answers the order with its new number when a person said to try again. */
async function takeTurn(order: RunOrder, scene: PublicationScene): Promise<RunOrder | undefined> {
  const { packageId, runId, number } = order;
  const ids = { packageId, runId };
  const plan = await openPublication(order);
  if (!plan) {
    await endRun({ ...ids, state: "superseded", reason: "A later upload or rollback came first." });
    return undefined;
  }
  for (const step of PUBLICATION_STEPS) {
    enterStage(step);
    scene.show(step);
    const ended = await persistently(() => runStep(order, plan, step), {
      parking: scene.parking,
      maximumTries: TRIES[step],
      giveWay: () => scene.overtaken(number),
      async onPark(reason) {
        // Nobody can tell whether a switch that failed has moved the link; make it certain before waiting.
        if (step === "switch") await tryToPutBack(order);
        enterStage("parked", reason.slice(0, 200));
        scene.show(step, reason);
        await parkRun({ ...ids, workflowId: workflowInfo().workflowId, step, reason });
      },
    });
    if (ended.outcome === "done") continue;
    if (ended.outcome === "retry") {
      return { ...order, number: await resumeRun({ ...ids, step, reason: ended.reason }) };
    }
    if (ended.outcome === "gave-way") {
      const reason = "A later upload or rollback took over.";
      await endRun({ ...ids, state: "superseded", reason });
    } else {
      await giveUp(order, ended.reason);
    }
    return undefined;
  }
  const isLimited = await CancellationScope.nonCancellable(async () => {
    const limited = await recordLive({ ...order, plan });
    await keepLog(ids);
    return limited;
  });
  if (isLimited) scene.keep();
  return undefined;
}

function runStep(order: RunOrder, plan: PublicationPlan, step: PublicationStep): Promise<void> {
  const { switchLink, purgeLink, checkLink } = lasting(`${step}: ${plan.target.version}`);
  const run = { switch: switchLink, purge: purgeLink, check: checkLink }[step];
  return run({ ...order, plan });
}

/** Nobody wants this publication any more: the link shows again what is recorded as live, then the run ends. */
async function giveUp(order: RunOrder, reason: string): Promise<void> {
  const { packageId, runId } = order;
  await lasting("put the previous version back").restoreLink(order);
  await endRun({ packageId, runId, state: "cancelled", reason });
}

/** As far as that can be done now: a person will look at it anyway. */
async function tryToPutBack(order: RunOrder): Promise<void> {
  try {
    await lasting("put the previous version back", 3).restoreLink(order);
  } catch (error) {
    if (isCancellation(error)) throw error;
  }
}

function lasting(
  summary: string,
  maximumAttempts?: number,
): Pick<PackageActivities, "switchLink" | "purgeLink" | "checkLink" | "restoreLink"> {
  return proxyActivities<PackageActivities>({
    taskQueue: QUEUES.io,
    startToCloseTimeout: "1 hour",
    heartbeatTimeout: "5 seconds",
    retry: {
      initialInterval: "1 second",
      maximumInterval: "10 seconds",
      ...(maximumAttempts && { maximumAttempts }),
    },
    summary,
  });
}
