/** A version as retention sees it. */
export interface Keepsake {
  id: string;
  channel: string;
  /** Never removed, whatever its age: live, pinned, held, being worked on, or what a link falls back to. */
  isProtected: boolean;
  /** When its last run ended, in epoch milliseconds. */
  settledAt: number;
}

/** One thing that a channel's link has shown. */
export interface Showing {
  versionId: string;
  channel: string;
  kind: string;
  /** Since when, in epoch milliseconds. */
  since: number;
}

/** What a package keeps: the newest `retained` versions of each channel, and what left its link within the grace. */
export interface RetentionRule {
  retained: number;
  graceSeconds: number;
}

/** A version beyond those that are kept, and until when it is kept all the same, in epoch milliseconds. */
export interface Surplus {
  id: string;
  until: number;
}

/**
 * The versions that are too many, the one whose grace ends first in front. `versions` stand newest first, `shown` in
 * the order in which links have shown them. What left its link by a rollback is never too many: one may want to go
 * forward again.
 */
export function findSurplus(
  versions: readonly Keepsake[],
  shown: readonly Showing[],
  { retained, graceSeconds }: RetentionRule,
): Surplus[] {
  const left = departures(shown);
  const seen = new Map<string, number>();
  const surplus: Surplus[] = [];
  for (const { id, channel, isProtected, settledAt } of versions) {
    const newer = seen.get(channel) ?? 0;
    seen.set(channel, newer + 1);
    const departure = left.get(id);
    if (newer < retained || isProtected || departure?.kind === "rollback") continue;
    surplus.push({ id, until: Math.max(departure?.at ?? 0, settledAt) + graceSeconds * 1000 });
  }
  return surplus.sort((a, b) => a.until - b.until);
}

/** When and by what each version left its link the last time. */
function departures(shown: readonly Showing[]): Map<string, { at: number; kind: string }> {
  const left = new Map<string, { at: number; kind: string }>();
  const onLink = new Map<string, string>();
  for (const { versionId, channel, kind, since } of shown) {
    const before = onLink.get(channel);
    if (before && before !== versionId) left.set(before, { at: since, kind });
    left.delete(versionId);
    onLink.set(channel, versionId);
  }
  return left;
}
