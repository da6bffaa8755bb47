import { expect, test } from "vitest";
import { pauseAfter, RETRY_PAUSES_SECONDS } from "../../domain/webhooks.ts";

const steady = { luck: 0 };

test("the tries follow the example schedule of Standard Webhooks, ten in more than three days", () => {
  const pauses = Array.from({ length: 10 }, (_, n) => pauseAfter(n + 1, steady));

  expect(pauses.at(-1)).toBeUndefined();
  expect(pauses.slice(0, 9)).toEqual([...RETRY_PAUSES_SECONDS]);
  const hours = RETRY_PAUSES_SECONDS.reduce((sum, pause) => sum + pause, 0) / 3600;
  expect(Math.floor(hours)).toBe(75);
});

test("tries that failed together are spread over a tenth of the pause", () => {
  expect(pauseAfter(2, { luck: 0 })).toBe(300);
  expect(pauseAfter(2, { luck: 0.5 })).toBe(315);
  expect(pauseAfter(2, { luck: 0.999 })).toBe(330);
});

test("a receiver may ask for a longer pause, up to a day, and not for a shorter one", () => {
  expect(pauseAfter(1, { ...steady, retryAfterSeconds: 120 })).toBe(120);
  expect(pauseAfter(2, { ...steady, retryAfterSeconds: 120 })).toBe(300);
  expect(pauseAfter(1, { ...steady, retryAfterSeconds: 1e9 })).toBe(86_400);
  expect(pauseAfter(10, { ...steady, retryAfterSeconds: 120 })).toBeUndefined();
});
