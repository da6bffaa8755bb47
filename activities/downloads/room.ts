import { bytesToFetch, roomBelow } from "../../domain/disks.ts";
import { failureOf } from "../../domain/downloads/failures.ts";
import type { Heard } from "../../domain/downloads/progress.ts";
import { endRoomLease, leaseRoom, noteDisk } from "../../models/disks/index.ts";
import type { CarriedFailure } from "./contract.ts";
import type { DownloadTools } from "./tools.ts";

/** Room on this machine's disk for what one try brings. */
export interface Room {
  /** Aborted when more comes than there is room for. */
  readonly gone: AbortSignal;
  /** Follows what is heard of its size: what is larger than it was said to be takes more room, or has none. */
  hear: (heard: Heard) => void;
}

/** Nobody is to blame, and nothing has failed: it waits until there is room. */
const NO_ROOM: CarriedFailure = {
  ...failureOf("downloads/disk-full", "retryable"),
  waitsFor: "disk",
};

/** Without a word for so long a lease is nobody's: its holder was killed. */
const LEASE_SECONDS = 60;
const BEAT_MS = 20_000;

type Tools = Pick<DownloadTools, "database" | "disk">;

/**
 * Leases room on the disk that `directory` lies on, for as long as `body` runs; what is in there already needs none. Null
 * stands for media of unknown size. Answers `NO_ROOM` where there is not enough, or no longer.
 */
export async function withRoom<T>(
  tools: Tools,
  order: { holder: string; directory: string; mediaBytes: number | null; mostBytes: number },
  body: (room: Room) => Promise<T>,
): Promise<T | CarriedFailure> {
  const { holder, directory, mediaBytes, mostBytes } = order;
  const has = await tools.disk.bytesIn(directory);
  const left = (bytes: number) => Math.max(0, bytesToFetch(bytes) - has);
  let leased = left(Math.min(mediaBytes ?? mostBytes, mostBytes));
  if (!(await lease(tools, holder, leased))) return NO_ROOM;

  const gone = new AbortController();
  const fetched = new Map<string, number>();
  let isKnown = mediaBytes !== null;
  let resizing: Promise<void> | undefined;
  const take = async (bytes: number) => {
    if (await lease(tools, holder, bytes)) leased = bytes;
    else gone.abort();
  };
  const resize = (bytes: number) => {
    resizing ??= take(bytes)
      // A database that is away for a moment takes no room from anybody.
      .catch(() => undefined)
      .finally(() => (resizing = undefined));
  };
  const beat = setInterval(() => resize(leased), BEAT_MS);
  const hear = (heard: Heard) => {
    if (heard.kind !== "stream") return;
    const { format, downloadedBytes, totalBytes, carries } = heard;
    fetched.set(format, Math.max(downloadedBytes, totalBytes ?? 0));
    const needed = left([...fetched.values()].reduce((sum, one) => sum + one, 0));
    // Half of what is leased is for copies: there is time to ask for more.
    if (needed > leased && leased < left(mostBytes)) {
      resize(Math.min(left(mostBytes), Math.max(needed, leased * 2)));
    } else if (!isKnown && totalBytes !== null && carries === "both") {
      isKnown = true;
      resize(needed);
    }
  };
  try {
    return await body({ gone: gone.signal, hear });
  } catch (error) {
    if (!gone.signal.aborted) throw error;
    return NO_ROOM;
  } finally {
    clearInterval(beat);
    await resizing;
    await endRoomLease(tools.database, holder);
  }
}

async function lease({ database, disk }: Tools, holder: string, bytes: number): Promise<boolean> {
  const seen = await disk.measure();
  await noteDisk(database, seen);
  const roomBytes = roomBelow(seen, disk.limitPercent);
  return leaseRoom(database, {
    holder,
    disk: seen.id,
    bytes: Math.ceil(bytes),
    roomBytes,
    seconds: LEASE_SECONDS,
  });
}
