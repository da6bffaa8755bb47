import { describe, expect, test } from "vitest";
import {
  downloadKey,
  estimateSeconds,
  fileNameOf,
  nextMidnight,
  pauseBefore,
  platformOf,
  withoutTracking,
} from "../../../domain/downloads.ts";

describe("a file", () => {
  const bytesOf = (name: string) => Buffer.byteLength(name);

  test.each([
    ["A clip", "A clip.mp4"],
    ["../../etc/passwd", "_.._etc_passwd.mp4"],
    ['a "quoted" <name>: with? all*', "a _quoted_ _name__ with_ all_.mp4"],
    ["gpj‮.exe", "gpj_.exe.mp4"],
    ["片子 🎬", "片子 🎬.mp4"],
    ["  .hidden.  ", "hidden.mp4"],
    ["line\nbreak\u0000", "line_break_.mp4"],
    ["", "task.mp4"],
    ["...", "task.mp4"],
  ])("that its source calls %j is saved as %j", (title, name) => {
    expect(fileNameOf(title, "mp4", "task")).toBe(name);
  });

  test("has a name of at most 200 bytes, of whole characters", () => {
    const names = ["a".repeat(300), "片".repeat(300), "🎬".repeat(300)].map((title) =>
      fileNameOf(title, "mp4", "task"),
    );

    expect(names.map(bytesOf)).toEqual([200, 199, 200]);
    for (const name of names) expect(Buffer.from(name).toString()).toBe(name);
  });

  test("lies below its owner's things, an archive by the day in Shanghai", () => {
    const row = { id: "task", accountId: "ann", createdAt: new Date("2026-11-21T17:00:00Z") };

    expect(downloadKey({ ...row, mode: "quick_download" })).toBe(
      "accounts/ann/downloads/quick/task",
    );
    expect(downloadKey({ ...row, mode: "archive" })).toBe(
      "accounts/ann/downloads/archive/20261122/task",
    );
  });
});

test("what only tracks people says nothing about an address", () => {
  expect(withoutTracking("https://a.example/v?utm_source=x&id=1&fbclid=2#t=3")).toBe(
    "https://a.example/v?id=1#t=3",
  );
  expect(withoutTracking("https://a.example/v?gclid=1")).toBe("https://a.example/v");
  expect(withoutTracking("https://a.example/v?q=a%20b&c")).toBe("https://a.example/v?q=a%20b&c");
});

test.each([
  ["www.youtube.com", "youtube"],
  ["youtu.be", "youtube"],
  ["www.youtube.com.", "youtube"],
  ["notyoutube.com", "generic"],
  ["x.com", "twitter"],
  ["b23.tv", "bilibili"],
  ["127.0.0.1", "generic"],
])("%s is %s", (host, platform) => {
  expect(platformOf(host)).toBe(platform);
});

test("a day ends at midnight in Shanghai", () => {
  expect(nextMidnight(new Date("2026-11-21T15:59:59Z")).toISOString()).toBe(
    "2026-11-21T16:00:00.000Z",
  );
  expect(nextMidnight(new Date("2026-11-21T16:00:00Z")).toISOString()).toBe(
    "2026-11-22T16:00:00.000Z",
  );
});

test("an estimate grows with the media and its quality", () => {
  expect([
    estimateSeconds(null, "best"),
    estimateSeconds(600, "1080p"),
    estimateSeconds(1234.5, "720p"),
  ]).toEqual([45, 120, 154]);
});

test("a source may ask for a longer pause, not for one without end", () => {
  expect(pauseBefore(2, [15, 60])).toBe(15);
  expect(pauseBefore(3, [15, 60], 600)).toBe(600);
  expect(pauseBefore(3, [15, 60], 10 ** 9)).toBe(6 * 3600);
  expect(pauseBefore(4, [15, 60])).toBeUndefined();
});
