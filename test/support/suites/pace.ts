import { expect, test } from "vitest";
import type { Pace, PaceTerms } from "../../../platform/pace.ts";

const SECOND_MS = 1000;

/** What holds of a pace wherever its clocks are. */
export function paceSuite(open: (terms: PaceTerms) => Promise<Pace>): void {
  test("lets bytes go one after the other, no faster than they may in all", async () => {
    const pace = await open({ mostBytes: 1000, mostBytesOfOwner: 0 });

    const waits = [];
    for (const owner of ["one", "two", "one"]) waits.push(await pace.take(owner, 10_000));

    expect(waits[0]).toBe(0);
    // Each waits for the ten seconds of those before it, less what has passed since.
    for (const [index, wait] of waits.entries()) {
      expect(wait).toBeLessThanOrEqual(index * 10 * SECOND_MS);
      expect(wait).toBeGreaterThan((index - 1) * 10 * SECOND_MS);
    }
  });

  test("slows each owner down by itself", async () => {
    const pace = await open({ mostBytes: 0, mostBytesOfOwner: 1000 });
    await pace.take("one", 60_000);

    const [own, other] = [await pace.take("one", 1), await pace.take("two", 1)];

    expect(own).toBeGreaterThan(0);
    expect(own).toBeLessThanOrEqual(60 * SECOND_MS);
    expect(other).toBe(0);
  });
}
