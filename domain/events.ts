import type { DownloadState } from "./downloads.ts";
import type { FrameBody } from "./feeds.ts";
import type { RunKind, RunState } from "./packages.ts";

/** A run as the outside knows it: ids that the API shows, never a row's own. */
export interface RunFacts {
  /** The package's public id. */
  package: string;
  version: string;
  run: string;
  kind: RunKind;
  /** The publication number: of two runs the higher one wins. */
  number: number;
}

/** What the gate has found in a version. */
export interface FindingFacts {
  findings: string[];
}

/** A card as the outside knows it; its code is nobody's business but its buyer's. */
export interface CardFacts {
  card: string;
  prefix: string;
  batch: string | null;
  product: string | null;
  /** ISO 8601; null when it has no end. */
  expire_at: string | null;
}

/** A download as the outside knows it. */
export interface DownloadFacts {
  /** The task's id. */
  download: string;
  /** The number of its entry in its owner's history. */
  history: number;
  status: DownloadState;
  /** Why it failed, or was cancelled. */
  error: string | null;
  bytes: number | null;
  /** ISO 8601; null when it has no end. */
  expire_at: string | null;
}

/** A disk as the outside knows it. */
export interface DiskFacts {
  /** The machine, and its folder. */
  disk: string;
  used_percent: number;
  used_bytes: number;
  capacity_bytes: number;
}

/** What stands under `data` of a frame of somebody's feed (domain/feeds.ts), and whose feed it is. */
export type FeedFacts = FrameBody & {
  account: string;
};

/**
 * Every event: name → payload. Payloads hold ids, numbers and the row's version, never a whole view. What may leave
 * the platform (`OUTWARD_EVENTS`) is spelled as everything on the wire, with underscores, and names things by their
 * public ids.
 */
export interface Events {
  "accounts.keys-changed": Record<string, never>;
  /** Somebody may do more or less than before: a role, a switched-off account, an ended session. */
  "accounts.rights-changed": Record<string, never>;
  "card.activated": CardFacts;
  /** Its end comes, as long before as its policy says. */
  "card.expiring": CardFacts;
  "card.expired": CardFacts;
  "card.extended": CardFacts;
  "card.suspended": CardFacts;
  "card.reinstated": CardFacts;
  "card.banned": CardFacts;
  "card.unbound": CardFacts;
  /** Of both cards. */
  "card.transferred": CardFacts;
  /** Something else that is said of it. */
  "card.changed": CardFacts;
  "card.deleted": CardFacts;
  "card.restored": CardFacts;
  /** Too many codes of cards that do not exist were shown by an address or a machine. */
  "card.guesser-blocked": { guesser: string; seconds: number };
  /** It is fuller than is well; told again after it was emptier for a while. */
  "disk.filling": DiskFacts;
  "download.ready": DownloadFacts;
  "download.kept": DownloadFacts;
  "download.failed": DownloadFacts;
  "download.expired": DownloadFacts;
  /** There is more in an account's feed than there was. */
  "feed.grew": { accountId: string };
  "notice.given": FeedFacts;
  "outbox.filled": Record<string, never>;
  "package.run-changed": { packageId: string; runId: string };
  "package.log-grew": { runId: string };
  "package.version_accepted": RunFacts;
  "package.run_parked": RunFacts;
  "package.run_ended": RunFacts & { status: RunState };
  "package.published": RunFacts;
  "package.rolled_back": RunFacts;
  "package.version_quarantined": RunFacts & FindingFacts;
  "package.version_released": RunFacts & FindingFacts;
  "package.version_rejected": RunFacts & FindingFacts;
  "task.status_changed": FeedFacts;
  "task.completed": FeedFacts;
  "task.failed": FeedFacts;
  "webhook.tested": { webhook: string };
}

export type EventName = keyof Events;
/** One thing that happened, delivered at least once. */
export type Event = { [N in EventName]: { type: N; data: Events[N] } }[EventName];
