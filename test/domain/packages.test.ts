import { describe, expect, test } from "vitest";
import {
  isFinal,
  nameIssues,
  packageStatus,
  RUN_STATES,
  shownFileName,
  statesBefore,
  versionIssues,
} from "../../domain/packages.ts";

describe("the status that clients see", () => {
  test("is a success as soon as one version is live, whatever runs beside it", () => {
    for (const run of RUN_STATES) expect(packageStatus(true, run)).toBe("processed_success");
  });

  test("follows the latest run until then", () => {
    const statuses = RUN_STATES.map((run) => packageStatus(false, run));
    expect(statuses.slice(0, 3)).toEqual(["pending", "processing", "processing"]);
    // It succeeded and nothing is live: a draft waits, or the live version was yanked.
    expect(statuses[3]).toBe("pending");
    expect(new Set(statuses.slice(4))).toEqual(new Set(["processed_failed"]));
    expect(packageStatus(false, undefined)).toBe("pending");
  });
});

describe("a run", () => {
  test("that has ended is never moved again", () => {
    for (const state of RUN_STATES.filter(isFinal)) {
      for (const to of RUN_STATES) expect(statesBefore(to)).not.toContain(state);
    }
  });
});

describe("names", () => {
  test.each(["演示 App", "a".repeat(100), "🎉".repeat(63), "x y"])("%s is a name", (name) => {
    expect(nameIssues(name)).toEqual([]);
  });

  test.each([
    "",
    " ",
    "a/b",
    "a\\b",
    "a\nb",
    "a\u0000",
    "\u2028",
    "a".repeat(101),
    "🎉".repeat(64),
  ])("%j is none", (name) => {
    expect(nameIssues(name)).toHaveLength(1);
  });

  test.each(["1", "1.2.3", "v1_beta+7-x", "0".repeat(50)])("%s is a version", (version) => {
    expect(versionIssues(version)).toEqual([]);
  });

  test.each(["", ".1", "-1", "1/2", "1 2", "0".repeat(51), "版本"])(
    "%j is no version",
    (version) => {
      expect(versionIssues(version)).toHaveLength(1);
    },
  );
});

describe("a file name that is shown", () => {
  test.each([
    ["C:\\temp\\app.apk", "app.apk"],
    ["../../etc/passwd", "passwd"],
    ["a\u0000b\r\n.zip", "ab.zip"],
    ["应用 1.zip", "应用 1.zip"],
    ["..", "package"],
    ["", "package"],
  ])("of %j is %j", (given, shown) => {
    expect(shownFileName(given)).toBe(shown);
  });

  test("has at most 200 bytes, whole characters, and keeps its ending", () => {
    const shown = shownFileName(`${"🎉".repeat(100)}.apk`);

    expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(200);
    expect(shown).toMatch(/^(🎉)+\.apk$/u);
  });
});
