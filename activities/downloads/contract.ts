import type { DownloadState } from "../../domain/downloads.ts";
import type { Failure } from "../../domain/downloads/failures.ts";

/** Which download it is about. */
export interface DownloadRef {
  downloadId: string;
}

/** What a workflow needs to know of its download when it takes it up, and what an operator has decided. */
export interface TakenUp {
  accountId: string;
  state: DownloadState;
  isRemoved: boolean;
  /** How many tries there were before. */
  attempts: number;
  /** How long its file is there; null for ever. */
  ttlSeconds: number | null;
  /** Epoch milliseconds; null when it has no end. */
  expireAt: number | null;
  retryPausesSeconds: readonly number[];
  isCharged: boolean;
  maxBytes: number;
  /** Missing where it was taken up by a worker of long ago. */
  way?: WayOut;
  /** What is wanted, as others may want it too; missing for what is fetched for one alone. */
  wishHash?: string;
  /** The list that it is on, which is told when it has ended. */
  parentId?: string;
  /** How often it was begun anew; missing where it was taken up by a worker of long ago. */
  life?: number;
  /** Of a list: whether its media are written down. */
  isListed?: boolean;
}

/** What several downloads share. */
export interface MediaRef {
  mediaId: string;
}

/** Whose fetch something is about: a download's own, or what several share. */
export type FetchRef = DownloadRef | MediaRef;

/** What a download shares with others: by both its workflow is named. */
export interface Shared extends MediaRef {
  wishHash: string;
  /** Missing while it is on its way. */
  end?: MediaEnd;
}

/** How a shared fetch has ended. */
export type MediaEnd = { media: StoredMedia } | { failure: Failure };

/** What a workflow needs to know of what it fetches for several. */
export type SharedOrder = Pick<TakenUp, "attempts" | "retryPausesSeconds"> & { way: WayOut };

/** What a download passes on its way to its source. */
export interface WayOut {
  gates: string[];
  platform: string;
}

/** One try, counted over the life of a download or of what several share. */
export interface Try {
  attempt: number;
  /** The proxy that it goes by; straight out when there is none. */
  leaseId?: string;
}
export type TryOrder = DownloadRef & Try;
export type FetchOrder = FetchRef & Try;

/** A file that lies in the store. */
export interface StoredMedia {
  objectKey: string;
  fileName: string;
  bytes: number;
  md5: string;
  sha256: string;
}

/** How far a list is: how many of its media are not over, and how many were fetched. */
export interface ListStanding {
  left: number;
  done: number;
}

/** What a source says of its media, as far as money and people need it. */
export interface KnownMedia {
  /** Null when the source does not say. */
  bytes: number | null;
}

/** What travels in the details of an activity that failed because of a source. */
export type CarriedFailure = Failure & {
  retryAfterSeconds?: number;
  /** Set where nothing has failed: the same try begins, or goes on, when there is room. */
  waitsFor?: "disk";
};

/** An address that somebody wants to know about: sealed, for it may hold a secret, and histories are shown to people. */
export interface ParseOrder {
  addressHash: string;
  sealedAddress: string;
  /** Missing where it was asked for by a server of long ago: it goes straight. */
  platform?: string;
  /** Those on its way; missing where it was asked for by a server of a while ago: it passes none. */
  gates?: string[];
  leaseId?: string;
}
