import { describe } from "vitest";
import { openLimiter } from "../../platform/limiter.ts";
import { limiterSuite } from "../support/suites/limiter.ts";

describe("the limiter of one process", () => {
  limiterSuite(async () => openLimiter());
});
