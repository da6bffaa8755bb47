import { describe, expect, test } from "vitest";
import { cardKeys, openCardCodes } from "../../platform/card-codes.ts";

const SECRET_KEY = "the platform's secret key, long enough";
const OLD = { id: "2025", secret: "a secret of last year, long enough too" };
const NEW = { id: "2026", secret: "a secret of this year, long enough too" };

const own = openCardCodes(cardKeys(SECRET_KEY, []));

describe("the hash of a code", () => {
  test("is the same however the code is written, and needs the key", () => {
    expect(own.hash("VIP-ABCDEF")).toMatch(/^[0-9a-f]{64}$/);
    expect(own.hash(" ｖip-abcdef")).toBe(own.hash("VIP-ABCDEF"));
    expect(own.hash("VIP-ABCDEG")).not.toBe(own.hash("VIP-ABCDEF"));

    const other = openCardCodes(cardKeys(`${SECRET_KEY}.`, []));
    expect(other.hash("VIP-ABCDEF")).not.toBe(own.hash("VIP-ABCDEF"));
  });

  test("is asked for under every key there is, the newest first", () => {
    const codes = openCardCodes(cardKeys(SECRET_KEY, [NEW, OLD]));
    const old = openCardCodes(cardKeys(SECRET_KEY, [OLD]));

    expect(codes.hash("VIP-ABCDEF")).toBe(codes.hashes("vip-abcdef")[0]);
    expect(codes.hashes("VIP-ABCDEF").slice(1)).toEqual([
      old.hash("VIP-ABCDEF"),
      own.hash("VIP-ABCDEF"),
    ]);
  });
});

describe("a sealed code", () => {
  test("opens as it was written, for its card alone, and looks different every time", () => {
    const sealed = own.seal("vip-ABCDEF", "card 1");

    expect(sealed).toMatch(/^own\.[\w-]+$/);
    expect(sealed).not.toBe(own.seal("vip-ABCDEF", "card 1"));
    expect(own.unseal(sealed, "card 1")).toBe("vip-ABCDEF");
    expect(() => own.unseal(sealed, "card 2")).toThrow("unable to authenticate");
  });

  test("does not open when a character of it was changed or lost", () => {
    const sealed = own.seal("VIP-ABCDEF", "card 1");
    const flip = (at: number) =>
      sealed.slice(0, at) + (sealed[at] === "A" ? "B" : "A") + sealed.slice(at + 1);

    const refused = /The key .* is not there|unable to authenticate|was cut short/;
    for (let at = 0; at < sealed.length - 1; at += 1) {
      expect(() => own.unseal(flip(at), "card 1"), String(at)).toThrow(refused);
      expect(() => own.unseal(sealed.slice(0, at), "card 1"), String(at)).toThrow(refused);
    }
  });

  test("opens by the id of its key after a new one came, and says what is missing when it has gone", () => {
    const before = openCardCodes(cardKeys(SECRET_KEY, [OLD]));
    const after = openCardCodes(cardKeys(SECRET_KEY, [NEW, OLD]));
    const without = openCardCodes(cardKeys(SECRET_KEY, [NEW]));

    const sealed = before.seal("VIP-ABCDEF", "card 1");
    expect(sealed.startsWith("2025.")).toBe(true);
    expect(after.unseal(sealed, "card 1")).toBe("VIP-ABCDEF");
    expect(after.seal("VIP-ABCDEF", "card 1").startsWith("2026.")).toBe(true);
    expect(() => without.unseal(sealed, "card 1")).toThrow(
      "The key 2025 of a card is not there: give it in CARD_KEYS.",
    );
  });
});
