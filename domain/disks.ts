/** How full a disk is, as its users see it: what is kept for the system alone counts as nobody's. */
export interface DiskSpace {
  capacityBytes: number;
  usedBytes: number;
}

/** From 0 to 100. */
export function usedPercent({ capacityBytes, usedBytes }: DiskSpace): number {
  return capacityBytes > 0 ? (100 * usedBytes) / capacityBytes : 100;
}

/** The bytes that may still be written before the disk is `limitPercent` full; less than none where it is fuller. */
export function roomBelow({ capacityBytes, usedBytes }: DiskSpace, limitPercent: number): number {
  return Math.floor((capacityBytes * limitPercent) / 100) - usedBytes;
}

/** What is fetched lies there twice for a moment: as its streams and put together, or unfinished and stored. */
const COPIES = 2;

/** The room that media of so many bytes takes while it is fetched. */
export function bytesToFetch(mediaBytes: number): number {
  return mediaBytes * COPIES;
}

const FIRST_PAUSE_SECONDS = 5;
const LONGEST_PAUSE_SECONDS = 300;

/** How long somebody waits who has found no room for the `times`-th time in a row, from 1. */
export function roomPauseSeconds(times: number): number {
  return Math.min(FIRST_PAUSE_SECONDS * 2 ** Math.min(times - 1, 10), LONGEST_PAUSE_SECONDS);
}

/** So much below the mark that it was warned of at, a disk is thought to have been tidied up: the next time is news. */
const CALM_PERCENT = 3;

/** Whether a disk should be warned of, is calm again, or is as it was. */
export function judgeFilling(
  percent: number,
  warningPercent: number,
): "filling" | "calm" | "as it was" {
  if (percent >= warningPercent) return "filling";
  return percent < warningPercent - CALM_PERCENT ? "calm" : "as it was";
}
