import { LIMITS } from "../limits.ts";

/** What codes are drawn from; `clear` lacks what is misread or misheard for something else: 0 and O, 1 and I. */
export const CODE_ALPHABETS = {
  plain: "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
  clear: "ABCDEFGHJKLMNPQRSTUVWXYZ23456789",
} as const;
export type CodeAlphabet = keyof typeof CODE_ALPHABETS;

/** What may stand before the code of a card. */
export const CODE_PREFIX = /^[A-Za-z0-9_]{1,16}$/;

/** The whole text that is sold: the prefix as it was given, a hyphen, the code. */
export function wholeCode(prefix: string, code: string): string {
  return `${prefix}-${code}`;
}

const ALREADY_CANONICAL = /^[!-`{-~]*$/;

/**
 * The one spelling under which a code is hashed and found: case, spaces (wherever they stand, and those that nobody
 * sees), full-width forms and kinds of hyphens make no difference. What it gives, it leaves as it is.
 */
export function canonicalCode(text: string): string {
  // To look closer at a megabyte that is no code would cost everybody else a second.
  if (text.length > LIMITS.shownCodeCharacters || ALREADY_CANONICAL.test(text)) return text;
  return (
    text
      .normalize("NFKC")
      .replace(/[\s\p{Z}\p{Cf}\p{Cc}]/gu, "")
      .replace(/\p{Pd}/gu, "-")
      // Lower case first: ẞ and ß would stay two otherwise.
      .toLowerCase()
      .toUpperCase()
      .normalize("NFKC")
  );
}

/** What is shown of a code to whoever may not see it: the last four characters of its canonical spelling. */
export function codeTail(code: string): string {
  return Array.from(canonicalCode(code)).slice(-4).join("");
}

const HELPING_BYTES = 4096;

/**
 * Draws codes of `length` characters, each as likely as any other. `random` gives that many bytes which nobody can
 * guess; it is asked for a helping at a time.
 */
export function createDraw(
  alphabet: CodeAlphabet,
  random: (bytes: number) => Uint8Array,
): (length: number) => string {
  const letters = CODE_ALPHABETS[alphabet];
  // Bytes beyond the last whole alphabet would make its first letters likelier.
  const fair = 256 - (256 % letters.length);
  let helping: Uint8Array = new Uint8Array();
  let at = 0;
  return (length) => {
    let code = "";
    while (code.length < length) {
      if (at === helping.length) {
        helping = random(HELPING_BYTES);
        at = 0;
      }
      const byte = helping[at++]!;
      if (byte < fair) code += letters[byte % letters.length];
    }
    return code;
  };
}
