import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  chargeFor,
  FIRST_PRICES,
  PAYMENT_LOOKS_SECONDS,
  splitCharge,
} from "../../domain/billing.ts";
import { LIMITS } from "../../domain/limits.ts";
import { parseYuan, printYuan } from "../../domain/money.ts";

describe("amounts", () => {
  test("are printed with both decimals, and read with none, one or two", () => {
    expect([0, 5, 50, 1250, -5, -1250].map(printYuan)).toEqual([
      "0.00",
      "0.05",
      "0.50",
      "12.50",
      "-0.05",
      "-12.50",
    ]);
    expect(["12", "12.5", "12.50", "-0.05", "-0"].map(parseYuan)).toEqual([
      1200, 1250, 1250, -5, 0,
    ]);
    expect(["", "1.234", "1e3", "1.", ".5", " 1", "1,5"].map(parseYuan)).toEqual(
      Array.from({ length: 7 }),
    );
  });

  test("come back as they were", () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e12, max: 1e12 }), (fen) => {
        expect(parseYuan(printYuan(fen))).toBe(fen);
      }),
    );
  });
});

describe("charges", () => {
  const terms = { ...FIRST_PRICES, microYuanPerGbIn: 1_000_000, microYuanPerGbOut: 333_333 };

  test("are half a yuan a frame by the first version of the prices, and nothing for traffic", () => {
    expect(chargeFor({ frames: 4, bytesIn: 1e12, bytesOut: 1e12 }, FIRST_PRICES)).toBe(200);
  });

  test("round up to the fen once, however many parts there are", () => {
    expect(chargeFor({ bytesIn: 1 }, terms)).toBe(1);
    expect(chargeFor({ bytesIn: 1, bytesOut: 1 }, terms)).toBe(1);
    expect(chargeFor({ bytesIn: 1_000_000_000 }, terms)).toBe(100);
    expect(chargeFor({ bytesIn: 1_000_000_001 }, terms)).toBe(101);
    expect(chargeFor({}, terms)).toBe(0);
  });

  test("are of the minimum at least, and of nothing where a part was not used at all", () => {
    const floored = { ...terms, minimumBytesIn: 100_000_000 };

    expect(chargeFor({ bytesIn: 0 }, floored)).toBe(10);
    expect(chargeFor({ frames: 1 }, floored)).toBe(50);
  });

  test("stay exact for the largest sizes there are", () => {
    const bytesOut = Number.MAX_SAFE_INTEGER;

    expect(chargeFor({ bytesOut }, terms)).toBe(
      Number((BigInt(bytesOut) * 333_333n + 10n ** 13n - 1n) / 10n ** 13n),
    );
  });

  test("come out of the hold first, then out of the balance, and the rest is missing", () => {
    const purse = { remainingFen: 30, freeFen: 20 };

    expect(splitCharge(25, purse)).toEqual({ heldFen: 25, freeFen: 0, missingFen: 0 });
    expect(splitCharge(45, purse)).toEqual({ heldFen: 30, freeFen: 15, missingFen: 0 });
    expect(splitCharge(60, purse)).toEqual({ heldFen: 30, freeFen: 20, missingFen: 10 });
  });
});

test("a payment is looked for at last when it can no longer be made", () => {
  const waited = PAYMENT_LOOKS_SECONDS.reduce((sum: number, seconds) => sum + seconds, 0);

  expect(waited).toBeGreaterThan(LIMITS.paymentSeconds);
});
