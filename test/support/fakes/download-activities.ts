import { activityInfo, heartbeat, sleep } from "@temporalio/activity";
import { ApplicationFailure } from "@temporalio/common";
import type {
  CarriedFailure,
  DownloadActivities,
  ListStanding,
  MediaEnd,
  StoredMedia,
  TakenUp,
} from "../../../activities/downloads/index.ts";
import { type FailureClass, failureOf } from "../../../domain/downloads/failures.ts";
import type { DownloadState } from "../../../domain/downloads.ts";
import { refusal } from "../../../domain/errors.ts";
import type { GateActivities, GateAnswer } from "../../../activities/gates/index.ts";
import type { ProxyActivities } from "../../../activities/proxies/index.ts";
import type { Route } from "../../../activities/proxies/contract.ts";
import type { BillingActivities } from "../../../activities/billing/index.ts";

const MEDIA: StoredMedia = { objectKey: "k", fileName: "f.mp4", bytes: 7, md5: "m", sha256: "s" };

/** How a try to fetch goes: it brings the media, fails so, or goes on until it is cancelled. */
export type Try = "media" | "hangs" | "no room" | FailureClass;

/** Downloads whose tries go like this; what was done is remembered. Their time is the server's. */
export function fakeDownload(
  tries: readonly Try[],
  given: Partial<TakenUp> = {},
  /** The workflows' downloads that wait for what they share. */
  waiting: string[] = [],
  /** How the media of a list stand, each time that they are looked at. */
  looks: readonly ListStanding[] = [],
) {
  let end: MediaEnd | undefined;
  const left = [...tries];
  const standings = [...looks];
  const happened: string[] = [];
  let state: DownloadState = given.state ?? "working";
  let expireAt = given.expireAt ?? null;
  const now = () => activityInfo().currentAttemptScheduledTimestampMs;
  const activities = {
    takeUpDownload: async () => ({
      accountId: "account",
      state,
      isRemoved: false,
      attempts: 0,
      ttlSeconds: 86_400,
      retryPausesSeconds: [15, 60],
      isCharged: false,
      maxBytes: 1000,
      ...given,
      expireAt,
    }),
    joinSharedMedia: async ({ wishHash }) => {
      happened.push("joined");
      return { mediaId: "media", wishHash, ...(end && { end }) };
    },
    takeUpMedia: async () => ({
      attempts: 0,
      retryPausesSeconds: given.retryPausesSeconds ?? [15, 60],
      way: given.way ?? { gates: [], platform: "generic" },
    }),
    endSharedMedia: async (order) => {
      end = order.end;
      happened.push("media" in end ? "stored" : `nothing: ${end.failure.code}`);
      return waiting;
    },
    fetchMedia: async ({ attempt }) => {
      happened.push(`fetch ${attempt}`);
      const next = left.shift();
      if (next === "media") return MEDIA;
      if (next === "hangs") await hang();
      if (next === "no room") throw failed("retryable", { waitsFor: "disk" });
      throw failed(next as FailureClass);
    },
    readMedia: async ({ attempt }) => {
      happened.push(`read ${attempt}`);
      return { bytes: 9 };
    },
    noteNextTry: async ({ failure, nextTryAt }) => {
      happened.push(`${failure.kind}, again in ${Math.round((nextTryAt - now()) / 1000)}`);
    },
    noteWaiting: async ({ waitingFor, nextTryAt }) => {
      happened.push(`waits for ${waitingFor}, ${Math.round((nextTryAt - now()) / 1000)}`);
    },
    noteFailedTry: async ({ failure, attempt }) => {
      happened.push(`try ${attempt}: ${failure.code}`);
    },
    noteGoingOn: async () => void happened.push("again"),
    finishDownload: async ({ ttlSeconds }) => {
      expireAt = ttlSeconds === null ? null : now() + ttlSeconds * 1000;
      happened.push((state = ttlSeconds === null ? "kept" : "ready"));
      return { expireAt };
    },
    failDownload: async ({ failure }) => {
      happened.push(`failed: ${failure.code}`);
      const { wishHash } = given;
      return wishHash && !end ? { mediaId: "media", wishHash } : null;
    },
    moveExpiry: async (order) => {
      expireAt = order.expireAt;
      happened.push("moved");
    },
    keepForEver: async () => void happened.push("kept"),
    expireDownload: async () => void happened.push("expired"),
    removeFile: async () => void happened.push("removed"),
    removeParts: async () => void happened.push("tidied"),
    readList: async () => {
      happened.push("listed");
      const next = left.shift();
      if (next === "hangs") await hang();
      if (next !== "media") throw failed(next as FailureClass);
    },
    beginMedia: async () => void happened.push("begun"),
    followMedia: async () => {
      const standing = standings.shift() ?? { left: 0, done: 0 };
      happened.push(`${standing.left} left`);
      return standing;
    },
    finishList: async () => void happened.push("finished"),
    cancelMedia: async () => void happened.push("media cancelled"),
    removeMedia: async () => void happened.push("media removed"),
    parseMedia: async () => void happened.push("parsed"),
  } satisfies DownloadActivities;
  return { activities, happened };
}

/** Lives until it is cancelled. */
async function hang(): Promise<never> {
  for (;;) {
    heartbeat();
    await sleep(100);
  }
}

/** A ledger in which everybody has enough, or nobody; what was done is remembered beside the rest. */
export function fakeFunds(happened: string[], isEmpty = false) {
  const held = { state: "open", expiresAt: 0 } as const;
  return {
    holdFunds: async ({ usage }) => {
      happened.push(`hold ${usage.bytesIn}`);
      if (isEmpty) throw refusal("billing/insufficient-balance", "余额不足");
      return held;
    },
    extendFunds: async () => held,
    captureFunds: async ({ usage }) => {
      happened.push(`capture ${usage.bytesIn}`);
      return { chargedFen: 1, missingFen: 0 };
    },
    releaseFunds: async () => {
      happened.push("release");
      return held;
    },
  } satisfies Partial<BillingActivities>;
}

/** Gates and proxies that answer so in turn, then let everybody through by the lease that was asked for. */
export function fakeWayOut(
  happened: string[],
  given: {
    gates?: readonly GateAnswer[];
    routes?: readonly Route[];
    /** What is awaited before there is a lease. */
    leasing?: () => Promise<void>;
  },
) {
  const [gates, routes] = [[...(given.gates ?? [])], [...(given.routes ?? [])]];
  return {
    enterGates: async () => gates.shift() ?? { isIn: true },
    leaveGates: async ({ news }) => void happened.push(`left, ${news?.went ?? "silent"}`),
    leaseProxy: async ({ id }) => {
      await given.leasing?.();
      return routes.shift() ?? { way: "proxy", leaseId: id };
    },
    returnProxy: async ({ fault, isDropped }) => {
      happened.push(`proxy ${fault ?? (isDropped ? "dropped" : "well")}`);
    },
  } satisfies GateActivities & ProxyActivities;
}

function failed(kind: FailureClass, more: Partial<CarriedFailure> = {}): ApplicationFailure {
  const code = kind === "terminal" ? "downloads/source-gone" : "downloads/source-away";
  const failure = { ...failureOf(code, kind), ...more };
  return ApplicationFailure.create({
    type: code,
    message: failure.message,
    nonRetryable: true,
    details: [failure],
  });
}
