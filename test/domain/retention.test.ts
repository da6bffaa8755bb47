import { describe, expect, test } from "vitest";
import { findSurplus, type Keepsake, type Showing } from "../../domain/retention.ts";

const HOUR_MS = 3_600_000;

/** Versions named 1, 2, 3, …, uploaded an hour after the other, each shown as soon as it was there. */
function line(count: number) {
  const names = Array.from({ length: count }, (_, n) => `${n + 1}`);
  const versions = names.map((id, n): Keepsake => ({
    id,
    channel: "stable",
    isProtected: false,
    settledAt: (n + 1) * HOUR_MS,
  }));
  const shown = names.map((versionId, n): Showing => ({
    versionId,
    channel: "stable",
    kind: "upload",
    since: (n + 1) * HOUR_MS,
  }));
  return { versions: versions.toReversed(), shown };
}

const rule = { retained: 2, graceSeconds: 0 };
const ids = (...given: Parameters<typeof findSurplus>) => findSurplus(...given).map(({ id }) => id);

describe("what a package has too many of", () => {
  test("is what is older than the newest ones", () => {
    const { versions, shown } = line(5);

    expect(ids(versions, shown, rule)).toEqual(["1", "2", "3"]);
    expect(ids(versions, shown, { ...rule, retained: 5 })).toEqual([]);
  });

  test("is counted in each channel for itself", () => {
    const { versions, shown } = line(3);
    const mixed = versions.map((one) => ({ ...one, channel: one.id === "3" ? "beta" : "stable" }));

    expect(ids(mixed, shown, { ...rule, retained: 1 })).toEqual(["1"]);
  });

  test("is never what is protected, though that counts as one that is kept", () => {
    const { versions, shown } = line(4);
    const some = versions.map((one) => ({ ...one, isProtected: one.id === "1" || one.id === "4" }));

    expect(ids(some, shown, rule)).toEqual(["2"]);
  });

  test("is never what a rollback has taken off its link, until it was shown again and left by itself", () => {
    const { versions, shown } = line(4);
    const back: Showing = { versionId: "1", channel: "stable", kind: "rollback", since: 9 };
    const history = [...shown.slice(0, 2), back, ...shown.slice(2)];
    expect(ids(versions, history, rule)).toEqual(["1"]);

    const again: Showing = { versionId: "2", channel: "stable", kind: "rollback", since: 10 };
    const forward = [...shown.slice(0, 2), back, again, ...shown.slice(2)];
    expect(ids(versions, forward, rule)).toEqual(["2"]);
  });

  test("is kept for its grace, which begins when it left its link, and the next to go stands in front", () => {
    const { versions, shown } = line(4);

    expect(findSurplus(versions, shown, { retained: 1, graceSeconds: 60 })).toEqual([
      { id: "1", until: 2 * HOUR_MS + 60_000 },
      { id: "2", until: 3 * HOUR_MS + 60_000 },
      { id: "3", until: 4 * HOUR_MS + 60_000 },
    ]);
  });

  test("that was never shown has its grace from the end of its run", () => {
    const { versions } = line(2);

    expect(findSurplus(versions, [], { retained: 1, graceSeconds: 60 })).toEqual([
      { id: "1", until: HOUR_MS + 60_000 },
    ]);
  });
});
