import { z } from "zod";
import { readOpenedHost } from "./outbound-rules.ts";

/** A port, from 0 to 65535. */
export const port = z
  .string()
  .regex(/^\d+$/, "must be a number from 0 to 65535")
  .transform(Number)
  .pipe(z.number().max(65_535, "must be a number from 0 to 65535"));
const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };
/** A span of time in seconds; written with s, m, h or d it may be longer. */
export const seconds = z
  .string()
  .regex(/^\d+[smhd]?$/, "must be a number of seconds, or a number with s, m, h or d")
  .transform((text) => Number.parseInt(text) * (UNITS[text.at(-1) ?? ""] ?? 1));
/** The same, of at least a second. */
export const life = seconds.pipe(z.number().min(1, "must be at least a second"));
/** An http or https address without a query; what it ends in is never `/`. */
export const url = z
  .url({ protocol: /^https?$/, error: "must be an address that begins with http:// or https://" })
  .refine((text) => !/[?#]/.test(text), "must have neither ? nor #")
  .transform((text) => text.replace(/\/+$/, ""));
/** An origin as browsers send it, or `*`. */
export const origin = z
  .string()
  .refine(
    (text) => text === "*" || (URL.canParse(text) && new URL(text).origin === text),
    "must be origins like https://console.example, or *",
  );
/** A switch. */
export const onOff = z.enum(["on", "off"], "must be on or off").transform((word) => word === "on");
/** `COUNT/SECONDS`. */
export const rate = z
  .string()
  .regex(/^[1-9]\d*\/[1-9]\d*$/, "must be COUNT/SECONDS, for example 5/60")
  .transform((text) => {
    const [points, per] = text.split("/").map(Number) as [number, number];
    return { points, seconds: per };
  });
/** Words separated by commas. */
export const words = z.string().transform((text) =>
  text
    .split(",")
    .map((word) => word.trim())
    .filter(Boolean),
);
/** One `COUNT/SECONDS` or several, separated by commas: all of them hold. */
export const rates = words.pipe(z.array(rate).min(1));
/** A command as a JSON array of strings. */
export const command = z.string().transform((text, context) => {
  try {
    return z.array(z.string().min(1)).min(1).parse(JSON.parse(text));
  } catch {
    context.addIssue(
      'must be a JSON array of strings, for example ["protect","--in","{input}","--out","{output}"]',
    );
    return z.NEVER;
  }
});
/** `host` or `host:port`, separated by commas. */
export const openedHosts = words.transform((names, context) =>
  names.map((name) => {
    const opened = readOpenedHost(name);
    if (opened) return opened;
    context.addIssue(`must be host or host:port, separated by commas; ${name} is neither`);
    return z.NEVER;
  }),
);

/** Whether the address of a database server names the database too. */
export function namesDatabase(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { hostname, pathname } = new URL(text);
  return hostname !== "" && pathname.length > 1;
}

/** The variables by which a machine's own programs are configured, pip among them. */
export const MACHINE =
  /^(HOME|PATH|LANG|TMPDIR|PYENV_ROOT|PIP_\w+|SSL_CERT_\w+|(HTTPS?|NO|ALL)_PROXY|XDG_CONFIG_\w+)$/i;

/** The variables whose names are like this, as they were given. */
export function givenLike(
  pattern: RegExp,
  source: Record<string, string | undefined>,
): Record<string, string> {
  const given = Object.entries(source).filter(([name, value]) => pattern.test(name) && value);
  return Object.fromEntries(given) as Record<string, string>;
}
