import { stripVTControlCharacters } from "node:util";
import { cutMark } from "./lines.ts";

const BLANK = "***";

/** Shorter ones would blank out ordinary words. */
const LEAST_CHARACTERS = 4;

/** What a secret looks like when nobody told us of it; `$1` is kept. */
const PATTERNS = [
  /\b(Bearer\s+)[\w.~+/=-]{8,}/gi,
  /(?<![\w-])(eyJ)[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g,
  /\b(AKIA|ASIA)[0-9A-Z]{16}\b/g,
  /(\w:\/\/[^\s/:@]*:)[^\s/@]+(?=@)/g,
  /((?:password|passwd|passphrase|secret|token|api[-_]?key|authorization)["']?\s*[:=]\s*)(?:(?:Bearer|Basic)\s+)?(?:"[^"]*"|'[^']*'|[^\s"',;&]+)/gi,
  /(\bpass:)\S+/g,
];

/** No private key has more; a stray BEGIN must not blank out all that follows. */
const PRIVATE_KEY_LINES = 200;

/** Blanks out secrets, line after line: `secrets` in their usual spellings, and whatever looks like one. */
export function createRedactor(secrets: readonly string[]): (line: string) => string {
  const spellings = secrets
    .flatMap((secret) => secret.split(/\r?\n/))
    .filter((secret) => secret.length >= LEAST_CHARACTERS)
    .flatMap(spellingsOf);
  const known = [...new Set(spellings)].sort((one, other) => other.length - one.length);
  const everyKnown = known.length > 0 && new RegExp(known.map(escapeForRegExp).join("|"), "g");
  let keyLinesLeft = 0;

  return (line) => {
    const plain = withoutControls(line);
    if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(plain)) keyLinesLeft = PRIVATE_KEY_LINES;
    if (keyLinesLeft > 0) {
      keyLinesLeft = /-----END [A-Z ]*PRIVATE KEY-----/.test(plain) ? 0 : keyLinesLeft - 1;
      return BLANK;
    }
    let text = everyKnown ? blankCutSecret(plain.replace(everyKnown, BLANK), known) : plain;
    for (const pattern of PATTERNS) text = text.replace(pattern, `$1${BLANK}`);
    return text;
  };
}

function spellingsOf(secret: string): string[] {
  return [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    Buffer.from(secret).toString("base64"),
  ];
}

/** An overlong line may end in the middle of a secret, just before the mark. */
function blankCutSecret(line: string, known: readonly string[]): string {
  const end = line.search(CUT_END);
  if (end < 0) return line;
  const kept = line.slice(0, end);
  for (const secret of known) {
    for (let length = secret.length - 1; length >= LEAST_CHARACTERS; length--) {
      if (kept.endsWith(secret.slice(0, length)))
        return kept.slice(0, -length) + BLANK + line.slice(end);
    }
  }
  return line;
}

const CUT_END = new RegExp(` ${cutMark(0).replace("0", "\\d+")}$`);

/** Colours and other commands to a terminal have no place in a text that people open in one. */
function withoutControls(line: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return stripVTControlCharacters(line).replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, "");
}

function escapeForRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, String.raw`\$&`);
}
