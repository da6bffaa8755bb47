import {
  ActivityFailure,
  allHandlersFinished,
  condition,
  continueAsNew,
  defineUpdate,
  executeChild,
  isCancellation,
  ParentClosePolicy,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from "@temporalio/workflow";
import type { PackageActivities } from "../../activities/packages/index.ts";
import type { RunOrder } from "../../activities/packages/contract.ts";
import type { Caller } from "../../domain/accounts.ts";
import { workflowId } from "../../domain/ids.ts";
import { QUEUES } from "../../domain/queues.ts";
import { SEARCH_ATTRIBUTES } from "../../domain/search-attributes.ts";
import { currentCaller, onBehalfOf } from "../helpers/caller.ts";
import { openParking } from "../helpers/parking.ts";
import { enterStage } from "../helpers/stage.ts";
import { packageBuild } from "./build.ts";
import { publish, type ShowPublication } from "./publication.ts";

const { endRun } = proxyActivities<PackageActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "10 seconds",
  retry: { maximumInterval: "10 seconds" },
  summary: "record how the run ended",
});

/** A history longer than this is begun anew as soon as nothing is under way. */
const LONG_HISTORY_EVENTS = 2_000;
/** From here on nothing new is begun, so that the moment when nothing is under way comes. */
const FULL_HISTORY_EVENTS = 10_000;

/** A new original was accepted: build it, then publish it. Twice is harmless: a run that ended stays ended. */
export const replacePackage = defineUpdate<void, [RunOrder]>("replacePackage");

/** An earlier version is to be shown again, through the same publication. */
export const rollBackPackage = defineUpdate<void, [RunOrder]>("rollBackPackage");

/** What the entity is about, and what it carries over when its history is begun anew. */
export interface PackageLine {
  packageId: string;
  /** The package's public id. */
  serial: string;
  waiting?: AcceptedOrder[];
}

interface AcceptedOrder extends RunOrder {
  caller?: Caller | undefined;
}

/** One package for as long as it exists: builds what is accepted side by side, publishes one after the other. */
export async function packageLine(line: PackageLine): Promise<void> {
  const parking = openParking();
  const waiting = [...(line.waiting ?? [])];
  const building = new Map<string, RunOrder>();
  const built: AcceptedOrder[] = [];

  const accept = (order: RunOrder) => {
    waiting.push({ ...order, caller: currentCaller() });
  };
  setHandler(replacePackage, accept, { description: "Build and publish an accepted original." });
  setHandler(rollBackPackage, accept, { description: "Publish an earlier version again." });

  const begin = (order: AcceptedOrder) => {
    if (order.kind === "rollback") {
      built.push(order);
      return;
    }
    building.set(order.runId, order);
    void onBehalfOf(order.caller, () => build(line, order))
      .then((ready) => ready && built.push(order))
      .finally(() => building.delete(order.runId));
  };

  for (;;) {
    const { historyLength, continueAsNewSuggested } = workflowInfo();
    const worthRenewing = historyLength > LONG_HISTORY_EVENTS || continueAsNewSuggested;
    const idle = building.size === 0 && built.length === 0;
    if (worthRenewing && idle && allHandlersFinished()) {
      await continueAsNew<typeof packageLine>({ ...line, waiting });
    }
    if (historyLength < FULL_HISTORY_EVENTS) waiting.splice(0).forEach(begin);
    const next = takeNewest(built);
    if (next) {
      await supersede(next.older);
      const { newest } = next;
      const overtaken = () => built.some(({ number }) => number > newest.number);
      const show: ShowPublication = (step, parked) =>
        showStatus(line, building, `${newest.title}: ${step}`, parked);
      await onBehalfOf(newest.caller, () => publishOrEnd(newest, parking, overtaken, show));
      continue;
    }
    if (building.size === 0) enterStage("idle");
    showStatus(line, building);
    const before = building.size;
    await condition(
      () => built.length > 0 || waiting.length > 0 || (before > 0 && building.size === 0),
    );
  }
}

/** True when the version is built and may be published; otherwise the run has ended. */
async function build({ packageId, serial }: PackageLine, order: RunOrder): Promise<boolean> {
  enterStage("building");
  try {
    const result = await executeChild(packageBuild, {
      workflowId: workflowId("package", packageId, "build", order.runId),
      args: [order],
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      staticSummary: `Build ${order.title}`,
      staticDetails: `**${order.title}**\n\nRun ${order.runId}, publication number ${order.number}`,
      typedSearchAttributes: [
        { key: SEARCH_ATTRIBUTES.kind, value: "build" },
        { key: SEARCH_ATTRIBUTES.subject, value: serial },
      ],
    });
    return result === "built";
  } catch (error) {
    if (isCancellation(error)) throw error;
    const reason = "The build was ended from outside. Upload the version again under a new number.";
    await endRun({ packageId, runId: order.runId, state: "failed", reason });
    return false;
  }
}

/** A publication that fails in a way nobody thought of ends its run; the package lives on. */
async function publishOrEnd(order: RunOrder, ...rest: Rest<typeof publish>): Promise<void> {
  try {
    await publish(order, ...rest);
  } catch (error) {
    if (isCancellation(error)) throw error;
    const { packageId, runId } = order;
    const cause = error instanceof ActivityFailure ? error.cause : error;
    const reason = `The publication failed: ${(cause as Error).message}`;
    await endRun({ packageId, runId, state: "failed", reason });
  }
}

type Rest<F> = F extends (first: never, ...rest: infer R) => unknown ? R : never;

function takeNewest(
  built: AcceptedOrder[],
): { newest: AcceptedOrder; older: AcceptedOrder[] } | undefined {
  const [newest, ...older] = built.splice(0).sort((a, b) => b.number - a.number);
  return newest && { newest, older };
}

async function supersede(orders: RunOrder[]): Promise<void> {
  for (const { packageId, runId } of orders) {
    const reason = "A later upload or rollback came first.";
    await endRun({ packageId, runId, state: "superseded", reason });
  }
}

/** The status sheet in Temporal's Web UI. */
function showStatus(
  { serial }: PackageLine,
  building: Map<string, RunOrder>,
  publishing?: string,
  parked?: string,
): void {
  const titles = [...building.values()].map(({ title }) => title).join(", ");
  setCurrentDetails(
    [
      `### Package ${serial}`,
      "",
      `- building: ${titles || "nothing"}`,
      `- publishing: ${publishing ?? "nothing"}`,
      ...(parked
        ? ["", `**Waits for an operator:** ${parked}`, "", "Send the update `resolve`."]
        : []),
    ].join("\n"),
  );
}
