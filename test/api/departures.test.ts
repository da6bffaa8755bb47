import { expect, test } from "vitest";
import { isDeparture } from "../../api/middleware/errors.ts";

test("a client that left is told from a fault", () => {
  const left = ["ECONNRESET", "ERR_STREAM_PREMATURE_CLOSE", "HPE_INVALID_EOF_STATE"];

  for (const code of left) expect(isDeparture(Object.assign(new Error(), { code }))).toBe(true);
  expect(isDeparture(new DOMException("left", "AbortError"))).toBe(true);
});

test("what has no code, or a number for one, is a fault", () => {
  expect(isDeparture(new Error("broken"))).toBe(false);
  expect(isDeparture(new DOMException("too slow", "TimeoutError"))).toBe(false);
});
