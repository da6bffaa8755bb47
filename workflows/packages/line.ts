import {
  ActivityFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  executeChild,
  isCancellation,
  ParentClosePolicy,
  proxyActivities,
  setCurrentDetails,
  workflowInfo,
} from "@temporalio/workflow";
import type { PackageActivities } from "../../activities/packages/index.ts";
import type { RunOrder } from "../../activities/packages/contract.ts";
import { workflowId } from "../../domain/ids.ts";
import { QUEUES } from "../../domain/queues.ts";
import { SEARCH_ATTRIBUTES } from "../../domain/search-attributes.ts";
import { onBehalfOf } from "../helpers/caller.ts";
import { unlessCancelled } from "../helpers/cancellation.ts";
import { openParking } from "../helpers/parking.ts";
import { enterStage } from "../helpers/stage.ts";
import { packageBuild } from "./build.ts";
import { type Closing, openClosings, removeAll } from "./closings.ts";
import { type AcceptedOrder, type Desk, openDesk } from "./orders.ts";
import { publish, type ShowPublication } from "./publication.ts";
import { openTimetable } from "./timetable.ts";

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

/** What the entity is about, and what it carries over when its history is begun anew. */
export interface PackageLine {
  packageId: string;
  /** The package's public id. */
  serial: string;
  waiting?: AcceptedOrder[];
  /** Publications that wait for their time. */
  timed?: AcceptedOrder[];
  /** Shut doors of which edges still have to be told. */
  closing?: Closing[];
}

/** One package for as long as it exists: builds what is accepted side by side, publishes one after the other. */
export async function packageLine(line: PackageLine): Promise<void> {
  const parking = openParking();
  const building = new Map<string, RunOrder>();
  const built: AcceptedOrder[] = [];
  const builds = new CancellationScope();
  const closings = openClosings(line.closing ?? []);
  const timetable = openTimetable(line.timed ?? [], (order) => built.push(order));
  const desk = openDesk([...(line.waiting ?? [])], timetable, closings);
  const status = (publishing?: string, parked?: string) =>
    showStatus(line, { building, timed: timetable.orders(), publishing, parked });

  const begin = (order: AcceptedOrder) => {
    if (order.publishAt !== undefined) return timetable.add(order);
    if (order.kind !== "upload") return void built.push(order);
    building.set(order.runId, order);
    void onBehalfOf(order.caller, () => builds.run(() => build(line, order)))
      .then((ready) => ready && built.push(order))
      .catch(unlessCancelled)
      .finally(() => building.delete(order.runId));
  };

  for (;;) {
    if (desk.removing) {
      builds.cancel();
      await condition(() => building.size === 0);
      return removeAll(line.packageId);
    }
    const { historyLength, continueAsNewSuggested } = workflowInfo();
    const worthRenewing = historyLength > LONG_HISTORY_EVENTS || continueAsNewSuggested;
    const idle = building.size === 0 && built.length === 0;
    if (worthRenewing && idle && allHandlersFinished()) {
      const kept = { timed: timetable.orders(), closing: closings.orders() };
      await continueAsNew<typeof packageLine>({ ...line, waiting: desk.waiting, ...kept });
    }
    if (hasRoom()) desk.waiting.splice(0).forEach(begin);
    const next = takeNewest(built);
    if (next) {
      await supersede(next.older);
      const { newest } = next;
      const overtaken = () => desk.removing || built.some((order) => overtakes(order, newest));
      const show: ShowPublication = (step, parked) => status(`${newest.title}: ${step}`, parked);
      const work = () => publishOrEnd(newest, parking, overtaken, show);
      await takingIn(desk, begin, () => onBehalfOf(newest.caller, work));
      continue;
    }
    if (building.size === 0) enterStage("idle");
    status();
    const before = building.size;
    const isNews = () => built.length > 0 || desk.waiting.length > 0 || desk.removing;
    await condition(() => isNews() || (before > 0 && building.size === 0));
  }
}

const hasRoom = () => workflowInfo().historyLength < FULL_HISTORY_EVENTS;

/** Begins what is accepted while `work` lasts, so that a publication that is parked can be overtaken. */
async function takingIn(
  { waiting }: Desk,
  begin: (order: AcceptedOrder) => void,
  work: () => Promise<void>,
): Promise<void> {
  let working = true;
  const intake = async () => {
    for (;;) {
      await condition(() => !working || (waiting.length > 0 && hasRoom()));
      if (!working) return;
      waiting.splice(0).forEach(begin);
    }
  };
  // What was cancelled shows in the work and in what comes after it.
  const taking = intake().catch(unlessCancelled);
  try {
    await work();
  } finally {
    working = false;
    await taking;
  }
}

/** True when the version is built and may be published; otherwise the run has ended, a draft's with success. */
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
    if (result !== "built") return false;
    if (order.number !== 0) return true;
    const reason = "The draft is kept until somebody publishes it.";
    await endRun({ packageId, runId: order.runId, state: "succeeded", reason });
    return false;
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

function overtakes(order: RunOrder, other: RunOrder): boolean {
  return order.channel === other.channel && order.number > other.number;
}

/** The newest order of the channel whose turn it is, and those that it overtakes; other channels wait for theirs. */
function takeNewest(
  built: AcceptedOrder[],
): { newest: AcceptedOrder; older: AcceptedOrder[] } | undefined {
  const channel = built[0]?.channel;
  const orders = built.splice(0);
  built.push(...orders.filter((order) => order.channel !== channel));
  const [newest, ...older] = orders
    .filter((order) => order.channel === channel)
    .sort((a, b) => b.number - a.number);
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
  now: {
    building: Map<string, RunOrder>;
    timed: AcceptedOrder[];
    publishing: string | undefined;
    parked: string | undefined;
  },
): void {
  const titles = [...now.building.values()].map(({ title }) => title).join(", ");
  setCurrentDetails(
    [
      `### Package ${serial}`,
      "",
      `- building: ${titles || "nothing"}`,
      `- publishing: ${now.publishing ?? "nothing"}`,
      ...now.timed.map(
        ({ title, publishAt = 0 }) => `- at ${new Date(publishAt).toISOString()}: ${title}`,
      ),
      ...(now.parked
        ? ["", `**Waits for an operator:** ${now.parked}`, "", "Send the update `resolve`."]
        : []),
    ].join("\n"),
  );
}
