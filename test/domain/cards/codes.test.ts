import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  canonicalCode,
  CODE_ALPHABETS,
  codeTail,
  createDraw,
} from "../../../domain/cards/codes.ts";
import { CODE_PREFIX, wholeCode } from "../../../domain/cards/codes.ts";

describe("a code", () => {
  test("is the same however it is written", () => {
    const written = [
      "AB-12CD",
      "ab-12cd",
      " AB -12 CD\n",
      "ａＢ－１２ｃｄ",
      "AB\u3000-\u00A012CD",
      "\uFEFFAB\u200B-12\u00ADCD",
      "AB–12CD",
    ];

    expect(written.map(canonicalCode)).toEqual(written.map(() => "AB-12CD"));
  });

  test("keeps what makes it another one", () => {
    expect(canonicalCode("VIP_A-0O1I")).toBe("VIP_A-0O1I");
    expect(canonicalCode("AB12CD")).not.toBe(canonicalCode("AB-12CD"));
  });

  test("has one spelling: what is canonical stays as it is, in any case", () => {
    const letters = fc.array(
      fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("ß", "ẞ", "ı", "e\u200D\u0301", "ﷺ")),
    );

    fc.assert(
      fc.property(letters, (parts) => {
        const text = parts.join("");
        const canonical = canonicalCode(text);
        expect(canonicalCode(canonical)).toBe(canonical);
        expect(canonicalCode(text.toUpperCase())).toBe(canonical);
      }),
    );
  });

  test("is not looked for in a text that is too long to be one", () => {
    const text = "ﷺ".repeat(300_000);

    expect(canonicalCode(text)).toBe(text);
    expect(canonicalCode(`ab-12${" ".repeat(900)}`)).toBe("AB-12");
  });

  test("shows its last four characters", () => {
    expect(codeTail("vip-demo12345ａ")).toBe("345A");
    expect(codeTail("VIP-😀😀😀😀😀")).toBe("😀😀😀😀");
  });

  test("is sold with its prefix as it was given", () => {
    expect(wholeCode("vip_1", "DEMO123456")).toBe("vip_1-DEMO123456");
    expect(["vip_1", "A".repeat(16)].every((text) => CODE_PREFIX.test(text))).toBe(true);
    expect(["", "A-B", "会员", "A".repeat(17), "A\n"].some((text) => CODE_PREFIX.test(text))).toBe(
      false,
    );
  });
});

describe("a drawn code", () => {
  test("takes each letter of its alphabet by as many bytes as any other", () => {
    for (const alphabet of ["plain", "clear"] as const) {
      const letters = CODE_ALPHABETS[alphabet];
      const fair = 256 - (256 % letters.length);
      const draw = createDraw(alphabet, (bytes) => Uint8Array.from({ length: bytes }, (_, i) => i));

      const times = new Map<string, number>();
      for (const letter of draw(fair)) times.set(letter, (times.get(letter) ?? 0) + 1);
      expect([...times.keys()].sort()).toEqual(letters.split("").sort());
      expect(new Set(times.values()).size).toBe(1);
    }
  });

  test("has the length that is asked for, out of as many helpings of bytes as it takes", () => {
    let asked = 0;
    const draw = createDraw("clear", (bytes) => {
      asked += 1;
      return new Uint8Array(bytes).fill(31);
    });

    expect(draw(6)).toBe("999999");
    expect(asked).toBe(1);
    expect(draw(10_000)).toHaveLength(10_000);
    expect(asked).toBe(3);
  });

  test("has no letter that is misread for another in the clear alphabet", () => {
    expect(CODE_ALPHABETS.clear).toMatch(/^[^01IO]{32}$/);
    expect(canonicalCode(CODE_ALPHABETS.plain)).toBe(CODE_ALPHABETS.plain);
  });
});
