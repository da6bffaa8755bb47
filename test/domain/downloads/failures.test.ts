import { describe, expect, test } from "vitest";
import {
  classify,
  FAILURE_CLASSES,
  type FailureClass,
  isRetried,
} from "../../../domain/downloads/failures.ts";
import { SAMPLES } from "../../support/yt-dlp-samples.ts";

describe("what yt-dlp complains of", () => {
  test.each(SAMPLES)("%s", (said, code, kind) => {
    expect(classify(said)).toMatchObject({ code, kind, message: expect.stringMatching(/\.$/) });
  });

  test("comes in every class, and is known by more than thirty samples", () => {
    expect(new Set(SAMPLES.map(([, , kind]) => kind))).toEqual(new Set(FAILURE_CLASSES));
    expect(SAMPLES.length).toBeGreaterThan(30);
  });

  test.each([
    ["ERROR: Unsupported URL: https://source.example/407/captcha?login=1", "downloads/unsupported"],
    [
      "ERROR: [generic] not a bot 407: Unable to download webpage: HTTP Error 500: Internal Server Error",
      "downloads/source-away",
    ],
    ["ERROR: [DRM-site] private-video: Video unavailable", "downloads/source-gone"],
  ])("is not taken from what a source is called: %s", (said, code) => {
    expect(classify(said)).toMatchObject({ code });
  });

  test("has a sentence of its own for every code", () => {
    const sentences = new Map(SAMPLES.map(([said, code]) => [code, classify(said).message]));

    expect(new Set(sentences.values()).size).toBe(sentences.size);
  });
});

test("nothing is tried again that only a person can help with", () => {
  const retried = FAILURE_CLASSES.filter((kind: FailureClass) => isRetried(kind));

  expect(retried).toEqual(["retryable", "rate-limited", "blocked", "proxy"]);
});
