import { describe, expect, test } from "vitest";
import { openPace } from "../../platform/pace.ts";
import { paceSuite } from "../support/suites/pace.ts";

describe("a pace in one process", () => {
  paceSuite(async (terms) => openPace(terms)!);

  test("is none where nothing is limited, and its steps are small beside the limit", () => {
    expect(openPace({ mostBytes: 0, mostBytesOfOwner: 0 })).toBeUndefined();
    const steps = [100, 800_000, 1e9].map(
      (mostBytes) => openPace({ mostBytes, mostBytesOfOwner: 0 })!.stepBytes,
    );
    expect(steps).toEqual([16_384, 100_000, 524_288]);
  });
});
