import { WorkflowExecutionAlreadyStartedError } from "@temporalio/common";
import {
  ActivityFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  defineUpdate,
  executeChild,
  isCancellation,
  ParentClosePolicy,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from "@temporalio/workflow";
import type { RunIds, RunOrder } from "../../activities/packages/contract.ts";
import type { Caller } from "../../domain/accounts.ts";
import { workflowId } from "../../domain/ids.ts";
import { SEARCH_ATTRIBUTES } from "../../domain/search-attributes.ts";
import { currentCaller, onBehalfOf } from "../helpers/caller.ts";
import { openParking } from "../helpers/parking.ts";
import { enterStage } from "../helpers/stage.ts";
import { packageBuild } from "./build.ts";
import { CANCELLED, publish, type PublicationScene } from "./publication.ts";
import { endRun } from "./records.ts";

/** A history longer than this is begun anew as soon as nothing is under way. */
const LONG_HISTORY_EVENTS = 2_000;
/** From here on nothing new is begun, so that the moment when nothing is under way comes. */
const FULL_HISTORY_EVENTS = 10_000;
const LONGEST_PAUSE_SECONDS = 600;

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
  const orders = takeOrders(line);
  const { waiting, building, built } = orders;
  try {
    for (;;) {
      const { historyLength, continueAsNewSuggested } = workflowInfo();
      const worthRenewing = historyLength > LONG_HISTORY_EVENTS || continueAsNewSuggested;
      const idle = building.size === 0 && built.length === 0;
      if (worthRenewing && idle && allHandlersFinished()) {
        await continueAsNew<typeof packageLine>({ ...line, waiting });
      }
      orders.beginWaiting();
      const next = takeNewest(built);
      if (next) {
        const { newest, older } = next;
        await supersede(older);
        const scene: PublicationScene = {
          parking,
          overtaken: (than) => built.some(({ number }) => number > than),
          show: (step, parked) => showStatus(line, building, `${newest.title}: ${step}`, parked),
        };
        await onBehalfOf(newest.caller, () => publishOrEnd(newest, scene));
        continue;
      }
      const before = building.size;
      enterStage(before > 0 ? "building" : "idle");
      showStatus(line, building);
      await condition(() => built.length > 0 || building.size !== before);
    }
  } catch (error) {
    if (isCancellation(error)) await CancellationScope.nonCancellable(() => endAll(orders));
    throw error;
  }
}

/** Accepted orders on their way: they are built as soon as they come, whatever is being published, and wait for their turn. */
function takeOrders(line: PackageLine) {
  const waiting = [...(line.waiting ?? [])];
  // Temporal forgets over continue-as-new which updates it has had, and the relay may send one twice.
  const carried = new Set(waiting.map(({ runId }) => runId));
  const building = new Map<string, RunOrder>();
  const built: AcceptedOrder[] = [];

  const begin = (order: AcceptedOrder) => {
    if (order.kind === "rollback") return void built.push(order);
    building.set(order.runId, order);
    void onBehalfOf(order.caller, async () => {
      const number = await build(line, order);
      building.delete(order.runId);
      if (number !== null) built.push({ ...order, number });
    });
  };
  const beginWaiting = () => {
    if (workflowInfo().historyLength < FULL_HISTORY_EVENTS) waiting.splice(0).forEach(begin);
  };
  const accept = (order: RunOrder) => {
    if (carried.has(order.runId)) return;
    waiting.push({ ...order, caller: currentCaller() });
    beginWaiting();
  };
  setHandler(replacePackage, accept, { description: "Build and publish an accepted original." });
  setHandler(rollBackPackage, accept, { description: "Publish an earlier version again." });
  return { waiting, building, built, beginWaiting };
}

/** The package's workflow was cancelled: so are its builds, and all else that was on its way ends with them. */
async function endAll({ waiting, building, built }: ReturnType<typeof takeOrders>): Promise<void> {
  for (;;) {
    await condition(() => building.size === 0);
    const order = waiting.shift() ?? built.shift();
    if (!order) return;
    await endRun({ ...idsOf(order), state: "cancelled", reason: CANCELLED });
  }
}

/** The number under which the built version is to be published; null when the run has ended. */
async function build(line: PackageLine, order: RunOrder): Promise<number | null> {
  try {
    return await runBuild(line, order);
  } catch (error) {
    const state = isCancellation(error) ? "cancelled" : "failed";
    const reason = "The build was ended from outside. Upload the version again under a new number.";
    await CancellationScope.nonCancellable(() => endRun({ ...idsOf(order), state, reason }));
    return null;
  }
}

/** A reset of this workflow leaves its builds running: such a one is waited for, and then begins anew. */
async function runBuild({ packageId, serial }: PackageLine, order: RunOrder) {
  for (let seconds = 5; ; seconds = Math.min(2 * seconds, LONGEST_PAUSE_SECONDS)) {
    try {
      return await executeChild(packageBuild, {
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
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      await sleep(`${seconds} seconds`, { summary: "wait for the build that a reset has left" });
    }
  }
}

/** A publication that fails in a way nobody thought of ends its run; the package lives on. */
async function publishOrEnd(order: RunOrder, scene: PublicationScene): Promise<void> {
  try {
    await publish(order, scene);
  } catch (error) {
    if (isCancellation(error)) throw error;
    const cause = error instanceof ActivityFailure ? error.cause : error;
    const reason = `The publication failed: ${(cause as Error).message}`;
    await endRun({ ...idsOf(order), state: "failed", reason });
  }
}

function idsOf({ packageId, runId }: RunOrder): RunIds {
  return { packageId, runId };
}

function takeNewest(
  built: AcceptedOrder[],
): { newest: AcceptedOrder; older: AcceptedOrder[] } | undefined {
  const [newest, ...older] = built.splice(0).sort((a, b) => b.number - a.number);
  return newest && { newest, older };
}

function supersede(orders: RunOrder[]): Promise<void> {
  const reason = "A later upload or rollback came first.";
  return CancellationScope.nonCancellable(async () => {
    for (const order of orders) await endRun({ ...idsOf(order), state: "superseded", reason });
  });
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
