import {
  ApplicationFailure,
  CancellationScope,
  condition,
  proxyActivities,
  uuid4,
} from "@temporalio/workflow";
import type {
  CarriedFailure,
  DownloadActivities,
  FetchRef,
  WayOut,
} from "../../activities/downloads/index.ts";
import type { GateActivities, GateNews } from "../../activities/gates/index.ts";
import type { LeaseEnd, LeaseOrder, ProxyActivities } from "../../activities/proxies/index.ts";
import { failureOf } from "../../domain/downloads/failures.ts";
import { trafficFault } from "../../domain/downloads/traffic.ts";
import { LIMITS } from "../../domain/limits.ts";
import { QUEUES } from "../../domain/queues.ts";
import { enterStage } from "../helpers/stage.ts";
import { passGates } from "../gates.ts";

const briefly = {
  taskQueue: QUEUES.io,
  startToCloseTimeout: "30 seconds",
  heartbeatTimeout: "5 seconds",
  retry: { maximumInterval: "30 seconds" },
} as const;
const { noteWaiting, noteGoingOn, noteFailedTry } = proxyActivities<DownloadActivities>(briefly);
const { leaveGates } = proxyActivities<GateActivities>(briefly);
const { leaseProxy, returnProxy } = proxyActivities<ProxyActivities>(briefly);

/** Beyond what a try may take: by then whoever held something for it is gone. */
const HELD_SECONDS = LIMITS.downloadSeconds + 7200;
/** When a proxy is asked for again that nobody had. */
const PROXY_PAUSE_MS = 15_000;

/** One try, on its way out. */
export interface Trip {
  of: FetchRef;
  attempt: number;
  stage: LeaseOrder["stage"];
  /** Undefined for what was taken up before there were gates: it goes straight. */
  way: WayOut | undefined;
}

/** Tells one try its lease, behind the gates of its host; what was held for it is given back whatever happens. */
export async function onTheWay<T>(
  { of, attempt, stage, way }: Trip,
  work: (leaseId: string | undefined) => Promise<T>,
): Promise<T> {
  if (!way) return work(undefined);
  const holder = "mediaId" in of ? of.mediaId : of.downloadId;
  const order = { holder, keys: way.gates, seconds: HELD_SECONDS };
  const enter = () => waiting(of, "gate", (tell) => passGates(order, ({ until }) => tell(until)));
  return behindGates(order, enter, async () => {
    const outing = { taskId: holder, stage, platform: way.platform };
    const onNone = (failure: CarriedFailure) => noteFailedTry({ ...of, attempt, failure });
    const leaseId = await waiting(of, "proxy", (onWait) =>
      findProxy({ ...outing, onWait, onNone }),
    );
    return byProxy(leaseId, work);
  });
}

/** Does something behind gates and tells them how it went; they are left whatever happens. */
export async function behindGates<T>(
  { holder, keys }: { holder: string; keys: string[] },
  enter: () => Promise<void>,
  work: () => Promise<T>,
): Promise<T> {
  let news: GateNews | undefined;
  try {
    await enter();
    const value = await work();
    news = { went: "well" };
    return value;
  } catch (error) {
    const failure = carriedIn(error);
    if (failure?.kind === "rate-limited" || failure?.kind === "blocked") {
      const { message: reason, retryAfterSeconds } = failure;
      news = { went: "away", reason, ...(retryAfterSeconds && { retryAfterSeconds }) };
    }
    throw error;
  } finally {
    await CancellationScope.nonCancellable(() =>
      leaveGates({ holder, ...(news && { keys, news }) }),
    );
  }
}

/** Who wants a proxy, and who hears what becomes of that. */
export interface Outing {
  taskId: string;
  stage: LeaseOrder["stage"];
  platform: string;
  /** Beyond what it may take. */
  seconds?: number;
  /** Every proxy is in use or rests: until then nothing is asked. Epoch milliseconds. */
  onWait?: (until: number) => Promise<void>;
  /** There is none, and this try is over. */
  onNone?: (failure: CarriedFailure) => Promise<void>;
}

/** Goes by a proxy, and says how that went. */
export async function byProxy<T>(
  leaseId: string | undefined,
  work: (leaseId: string | undefined) => Promise<T>,
): Promise<T> {
  if (!leaseId) return work(undefined);
  const end = (how: Omit<LeaseEnd, "leaseId">) =>
    CancellationScope.nonCancellable(() => returnProxy({ leaseId, ...how }));
  try {
    const value = await work(leaseId);
    await end({ fault: null });
    return value;
  } catch (error) {
    const failure = carriedIn(error);
    const fault = failure ? trafficFault(failure) : null;
    // Whoever is cancelled, or stopped by something else, has not seen it do badly, nor well.
    await end(fault ? { fault, reason: failure!.message } : { fault, isDropped: true });
    throw error;
  }
}

/** The lease of a proxy; undefined for who may go straight. Where every proxy is in use or rests, one is waited for. */
export async function findProxy({
  onWait,
  onNone,
  ...outing
}: Outing): Promise<string | undefined> {
  for (;;) {
    // Seen to its end by whoever is cancelled meanwhile: what came of it is given back.
    const route = await CancellationScope.nonCancellable(() =>
      leaseProxy({ seconds: HELD_SECONDS, ...outing, id: uuid4() }),
    );
    if (route.way === "direct") return undefined;
    if (route.way === "proxy") return route.leaseId;
    if (route.fault) {
      const code = route.fault === "proxy_auth" ? "proxy-refused" : "proxy-away";
      const failure = { ...failureOf(`downloads/${code}`, "proxy"), message: route.reason };
      await onNone?.(failure);
      throw failed(failure);
    }
    const pauseMs = route.retryAfterMs ?? PROXY_PAUSE_MS;
    await onWait?.(Date.now() + pauseMs);
    await condition(() => false, pauseMs, { summary: route.reason.slice(0, 200) });
  }
}

/** What ends a try so. */
export function failed(failure: CarriedFailure): ApplicationFailure {
  const { code: type, message } = failure;
  return ApplicationFailure.create({ type, message, nonRetryable: true, details: [failure] });
}

/** Lets everybody see what is waited for, while it is. */
async function waiting<T>(
  of: FetchRef,
  waitingFor: "gate" | "proxy",
  body: (tell: (until: number) => Promise<void>) => Promise<T>,
): Promise<T> {
  let isTold = false;
  const value = await body(async (nextTryAt) => {
    if (!isTold) enterStage("waiting", waitingFor);
    isTold = true;
    await noteWaiting({ ...of, waitingFor, nextTryAt });
  });
  if (isTold) {
    enterStage("fetching");
    await CancellationScope.nonCancellable(() => noteGoingOn(of));
  }
  return value;
}

/** What a source or a proxy has said, inside whatever was thrown. */
export function carriedIn(error: unknown): CarriedFailure | undefined {
  const cause = error instanceof Error && error.cause ? error.cause : error;
  if (!(cause instanceof ApplicationFailure)) return undefined;
  const [carried] = (cause.details ?? []) as [CarriedFailure?];
  return carried?.kind ? carried : undefined;
}
