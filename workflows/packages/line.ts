import { WorkflowExecutionAlreadyStartedError } from "@temporalio/common";
import {
  ActivityFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  executeChild,
  isCancellation,
  ParentClosePolicy,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from "@temporalio/workflow";
import type { RunIds, RunOrder } from "../../activities/packages/contract.ts";
import { workflowId } from "../../domain/ids.ts";
import { isBuild } from "../../domain/packages.ts";
import { SEARCH_ATTRIBUTES } from "../../domain/search-attributes.ts";
import { onBehalfOf } from "../helpers/caller.ts";
import { openParking } from "../helpers/parking.ts";
import { enterStage } from "../helpers/stage.ts";
import { packageBuild } from "./build.ts";
import { type Cancellations, openCancellations } from "./cancellations.ts";
import { type Closing, openClosings, removeAll } from "./closings.ts";
import { openFollower } from "./follower.ts";
import { type AcceptedOrder, cancelRun, openDesk } from "./orders.ts";
import { CANCELLED, publish, type PublicationScene } from "./publication.ts";
import { endRun } from "./records.ts";
import { openKeeper } from "./retention.ts";
import { openTimetable, type Timetable } from "./timetable.ts";

/** A history longer than this is begun anew as soon as nothing is under way. */
const LONG_HISTORY_EVENTS = 2_000;
/** From here on nothing new is begun, so that the moment when nothing is under way comes. */
const FULL_HISTORY_EVENTS = 10_000;
const LONGEST_PAUSE_SECONDS = 600;

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
  /** Versions are to be removed, now or when their grace ends. */
  isKeeping?: boolean;
  /** Temporal does not keep the schedule yet as it was set. */
  isBehind?: boolean;
}

/** One package for as long as it exists: builds what is accepted side by side, publishes one after the other. */
export async function packageLine(line: PackageLine): Promise<void> {
  const parking = openParking();
  const orders = takeOrders(line);
  const { building, built, desk, keeper, timetable } = orders;
  const status = (publishing?: string, parked?: string) => {
    const [timed, graces] = [timetable.orders(), keeper.graces()];
    showStatus(line, { building, timed, graces, publishing, parked });
  };
  try {
    while (!desk.removing) {
      const { historyLength, continueAsNewSuggested } = workflowInfo();
      const worthRenewing = historyLength > LONG_HISTORY_EVENTS || continueAsNewSuggested;
      const idle = building.size === 0 && built.length === 0;
      if (worthRenewing && idle && allHandlersFinished()) {
        await continueAsNew<typeof packageLine>({ ...line, ...orders.carried() });
      }
      orders.beginWaiting();
      const next = takeNewest(built);
      if (next) {
        const { newest, older } = next;
        const scene: PublicationScene = {
          parking,
          overtaken: (than) =>
            desk.removing ||
            built.some(({ channel, number }) => channel === newest.channel && number > than),
          show: (step, parked) => status(`${newest.title}: ${step}`, parked),
          keep: () => keeper.look(),
        };
        await orders.cancellations.within(newest.runId, async () => {
          await supersede(older);
          await onBehalfOf(newest.caller, () => publishOrEnd(newest, scene));
        });
        continue;
      }
      const before = building.size;
      const timed = timetable.orders().length;
      const graces = keeper.graces();
      enterStage(before > 0 ? "building" : "idle");
      status();
      await condition(
        () =>
          built.length > 0 ||
          building.size !== before ||
          timetable.orders().length !== timed ||
          keeper.graces() !== graces ||
          desk.removing,
      );
    }
    orders.builds.cancel();
    await condition(() => building.size === 0);
    await removeAll(line.packageId);
  } catch (error) {
    if (isCancellation(error)) await CancellationScope.nonCancellable(() => endAll(orders));
    throw error;
  }
}

/** Accepted orders on their way: they are built as soon as they come, whatever is being published, and wait for their turn. */
function takeOrders(line: PackageLine) {
  const builds = new CancellationScope();
  // Temporal forgets over continue-as-new which updates it has had, and the relay may send one twice.
  const known = new Set([...(line.waiting ?? []), ...(line.timed ?? [])].map(({ runId }) => runId));
  const building = new Map<string, RunOrder>();
  const built: AcceptedOrder[] = [];

  const begin = (order: AcceptedOrder) => {
    if (order.publishAt !== undefined) return timetable.add(order);
    if (!isBuild(order.kind)) return void built.push(order);
    building.set(order.runId, order);
    void onBehalfOf(order.caller, async () => {
      const work = () => build(line, order);
      const number = await builds.run(() => cancellations.within(order.runId, work));
      building.delete(order.runId);
      if (typeof number === "number") built.push({ ...order, number });
    });
  };
  const beginWaiting = () => {
    if (workflowInfo().historyLength < FULL_HISTORY_EVENTS) waiting.splice(0).forEach(begin);
  };
  const waiting = [...(line.waiting ?? [])];
  const cancellations = openCancellations();
  const closings = openClosings(line.closing ?? []);
  const timetable = openTimetable(line.timed ?? [], (order) => built.push(order));
  const keeper = openKeeper(line.packageId, line.isKeeping ?? false);
  const follower = openFollower(line.packageId, line.isBehind ?? false);
  const desk = openDesk({ timetable, closings, keeper, follower }, (order) => {
    if (known.has(order.runId)) return;
    waiting.push(order);
    beginWaiting();
  });
  const carried = () => ({
    waiting,
    timed: timetable.orders(),
    closing: closings.orders(),
    isKeeping: keeper.isKeeping(),
    isBehind: follower.isBehind(),
  });
  hearCancellations({ cancellations, timetable }, [waiting, built]);
  const told = { timetable, keeper, desk, cancellations };
  return { waiting, building, built, builds, beginWaiting, carried, ...told };
}

/** Ends a run that somebody wants to end: while it is worked on, waits for its time, or waits for its turn. */
function hearCancellations(
  { cancellations, timetable }: { cancellations: Cancellations; timetable: Timetable },
  queues: AcceptedOrder[][],
): void {
  const description = "End a run wherever it is.";
  setHandler(
    cancelRun,
    async (ids) => {
      if (cancellations.cancel(ids.runId) || timetable.cancel(ids.runId)) return;
      for (const orders of queues) {
        const at = orders.findIndex(({ runId }) => runId === ids.runId);
        if (at >= 0) orders.splice(at, 1);
      }
      // One that has not come yet will find that it has ended.
      await endRun({ ...ids, state: "cancelled", reason: "It was cancelled." });
    },
    { description },
  );
}

/** The package's workflow was cancelled: so are its builds, and all else that was on its way ends with them. */
async function endAll({
  waiting,
  building,
  built,
  timetable,
}: ReturnType<typeof takeOrders>): Promise<void> {
  for (;;) {
    await condition(() => building.size === 0);
    const order = waiting.shift() ?? built.shift();
    if (!order) break;
    await endRun({ ...idsOf(order), state: "cancelled", reason: CANCELLED });
  }
  for (const order of timetable.orders()) {
    await endRun({ ...idsOf(order), state: "cancelled", reason: CANCELLED });
  }
}

/** The number under which the built version is to be published; null when the run has ended, a draft's with success. */
async function build(line: PackageLine, order: RunOrder): Promise<number | null> {
  try {
    const number = await runBuild(line, order);
    if (number !== 0) return number;
    const reason = "The draft is kept until somebody publishes it.";
    await endRun({ ...idsOf(order), state: "succeeded", reason });
    return null;
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

function supersede(orders: RunOrder[]): Promise<void> {
  const reason = "A later upload or rollback came first.";
  return CancellationScope.nonCancellable(async () => {
    for (const order of orders) await endRun({ ...idsOf(order), state: "superseded", reason });
  });
}

/** The status sheet in Temporal's Web UI. */
function showStatus(
  { serial }: PackageLine,
  now: {
    building: Map<string, RunOrder>;
    timed: AcceptedOrder[];
    graces: readonly { title: string; until: number }[];
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
      ...now.graces.map(
        ({ title, until }) => `- kept until ${new Date(until).toISOString()}: ${title}`,
      ),
      ...(now.parked
        ? ["", `**Waits for an operator:** ${now.parked}`, "", "Send the update `resolve`."]
        : []),
    ].join("\n"),
  );
}
