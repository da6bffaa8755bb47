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
}

/** One try, counted over the life of a download. */
export interface TryOrder extends DownloadRef {
  attempt: number;
}

/** A file that lies in the store. */
export interface StoredMedia {
  objectKey: string;
  fileName: string;
  bytes: number;
  md5: string;
  sha256: string;
}

/** What a source says of its media, as far as money and people need it. */
export interface KnownMedia {
  /** Null when the source does not say. */
  bytes: number | null;
}

/** What travels in the details of an activity that failed because of a source. */
export type CarriedFailure = Failure & { retryAfterSeconds?: number };

/** An address that somebody wants to know about: sealed, for it may hold a secret, and histories are shown to people. */
export interface ParseOrder {
  addressHash: string;
  sealedAddress: string;
}
