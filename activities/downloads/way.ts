import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { platformOf } from "../../domain/downloads.ts";
import { type Failure, failureOf } from "../../domain/downloads/failures.ts";
import { trafficFault } from "../../domain/downloads/traffic.ts";
import { type LeasedProxy, lendCookie, noteCookie, openLease } from "../../models/proxies/index.ts";
import type { PassageStopped } from "../../platform/egress/index.ts";
import type { CarriedFailure } from "./contract.ts";
import type { DownloadTools } from "./tools.ts";

/** The way out of one try: which proxy it takes, and as whom. */
export interface Way {
  /** By which the tool's process finds it. */
  env: Readonly<Record<string, string>>;
  /** Aborted when nothing more can come this way. */
  stopped: AbortSignal;
  /** As whom it asks; undefined as nobody. */
  cookieFile: string | undefined;
  /** Is told when a source says when to ask again. */
  hear: (status: number, retryAfter: string) => void;
  /** What stopped it, or what it made of the tool's own complaint. */
  judge(failure: Failure): CarriedFailure;
  /** Gives back what was lent for it, and says how it went. */
  close(end: Failure | "well" | "unknown"): Promise<void>;
}

/** What goes out, from where, by which lease. */
export interface WayOrder {
  url: string;
  directory: string;
  /** Undefined for who goes straight. */
  leaseId: string | undefined;
  /** Goes without a cookie: what is fetched is for more than one. */
  isNobody?: boolean;
}

/** How long a source may be silent. */
const STALL_MS = 30_000;
/** What is said beside the media: pages, manifests, and what is fetched again after a break. */
const SPARE = 1.5;
const SPARE_BYTES = 64 * 1024 * 1024;
/** Readable by us alone, and gone when the try has ended; what a killed worker left, the next try or the end removes. */
const COOKIE_FILE = "cookies.txt";
const NETSCAPE = "# Netscape HTTP Cookie File";

type Tools = Pick<DownloadTools, "egress" | "database" | "unseal" | "downloadSettings">;

/** Opens the way for one try. A lease that has ended is a failure of its proxy's. */
export async function openWay(tools: Tools, order: WayOrder): Promise<Way | CarriedFailure> {
  const { database, egress, unseal } = tools;
  let upstream: LeasedProxy | undefined;
  if (order.leaseId) {
    upstream = await openLease(order.leaseId, unseal);
    if (!upstream) return failureOf("downloads/proxy-away", "proxy");
  }
  const cookieFile = join(order.directory, COOKIE_FILE);
  await rm(cookieFile, { force: true });
  const platform = platformOf(new URL(order.url).hostname);
  const cookie = order.isNobody ? undefined : await lendCookie(database, platform, unseal);
  if (cookie) await writeFile(cookieFile, asCookieFile(cookie.content), { mode: 0o600 });

  const limitBytes = Math.floor(tools.downloadSettings.maxBytes * SPARE) + SPARE_BYTES;
  const passage = egress.enter({ limitBytes, stallMs: STALL_MS, upstream });
  return {
    env: passage.environment,
    stopped: passage.stopped,
    cookieFile: cookie && cookieFile,
    hear: (status, retryAfter) => passage.hear(status, retryAfter),
    judge(failure) {
      if (passage.stopped.aborted) return failureOfStop(passage.stopped);
      // A proxy of ours that fails has stopped the passage: this is the source, which was not reached, or plays one.
      if (failure.kind === "proxy") return failureOf("downloads/source-away", "retryable");
      const retryAfterSeconds = passage.retryAfterSeconds();
      // Another cookie may do.
      const kind = cookie && failure.kind === "needs-cookie" ? "retryable" : failure.kind;
      const isAway = kind === "rate-limited" || kind === "blocked";
      return { ...failure, kind, ...(isAway && retryAfterSeconds && { retryAfterSeconds }) };
    },
    async close(end) {
      passage.close();
      await rm(cookieFile, { force: true });
      if (!cookie || end === "unknown") return;
      await noteCookie(database, cookie.id, end === "well" ? null : trafficFault(end));
    },
  };
}

function asCookieFile(content: string): string {
  return /^# (Netscape )?HTTP Cookie File/.test(content) ? content : `${NETSCAPE}\n${content}`;
}

function failureOfStop({ reason }: AbortSignal): Failure {
  const { kind } = reason as PassageStopped;
  switch (kind) {
    case "forbidden":
      return failureOf("downloads/address-refused", "terminal");
    case "too-large":
      return failureOf("downloads/too-large", "terminal");
    case "stalled":
      return failureOf("downloads/source-away", "retryable");
    case "proxy-auth":
      return failureOf("downloads/proxy-refused", "proxy");
    case "proxy-unreachable":
      return failureOf("downloads/proxy-away", "proxy");
  }
}
