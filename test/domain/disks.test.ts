import { expect, test } from "vitest";
import { judgeFilling, roomBelow, roomPauseSeconds, usedPercent } from "../../domain/disks.ts";

test("room is what is left below the limit, and less than none above it", () => {
  expect(roomBelow({ capacityBytes: 1000, usedBytes: 850 }, 90)).toBe(50);
  expect(roomBelow({ capacityBytes: 1000, usedBytes: 950 }, 90)).toBe(-50);
  expect(usedPercent({ capacityBytes: 0, usedBytes: 0 })).toBe(100);
});

test("a disk that goes up and down a little at the mark is warned of once", () => {
  expect([84.9, 85, 82, 81.9].map((percent) => judgeFilling(percent, 85))).toEqual([
    "as it was",
    "filling",
    "as it was",
    "calm",
  ]);
});

test("whoever waits for room looks again soon, and later every five minutes", () => {
  expect([1, 2, 7, 100].map(roomPauseSeconds)).toEqual([5, 10, 300, 300]);
});
