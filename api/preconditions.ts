import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

/** What conditions are about: the strong entity tag, without quotes, and the time of the last change. */
export interface Validators {
  etag: string;
  modifiedAt: Date;
}

/** Evaluates the conditions of a GET or HEAD in the order of RFC 9110 §13.2.2. */
export function evaluateConditions(
  headers: IncomingHttpHeaders,
  { etag, modifiedAt }: Validators,
): "go-on" | "not-modified" | "failed" {
  const seconds = wholeSeconds(modifiedAt);
  const ifMatch = headers["if-match"];
  const ifNoneMatch = headers["if-none-match"];
  if (ifMatch !== undefined) {
    if (!names(ifMatch, etag, "strong")) return "failed";
  } else {
    const unmodifiedSince = parseHttpDate(headers["if-unmodified-since"]);
    if (unmodifiedSince !== undefined && seconds > unmodifiedSince) return "failed";
  }
  if (ifNoneMatch !== undefined) return names(ifNoneMatch, etag, "weak") ? "not-modified" : "go-on";
  const modifiedSince = parseHttpDate(headers["if-modified-since"]);
  return modifiedSince !== undefined && seconds <= modifiedSince ? "not-modified" : "go-on";
}

/** The strong entity tag, in quotes, of an answer that is this text. */
export function tagOf(text: string): string {
  return `"${createHash("sha256").update(text).digest("hex")}"`;
}

/** True when a change may be made of what answers this entity tag, in quotes: If-Match is not there, or names it. */
export function mayChange(ifMatch: string | undefined, tag: string): boolean {
  return ifMatch === undefined || names(ifMatch, tag.slice(1, -1), "strong");
}

/** True when a client that asks by GET or HEAD says that it has what this entity tag, without quotes, stands for. */
export function hasCopy(headers: IncomingHttpHeaders, etag: string): boolean {
  const ifNoneMatch = headers["if-none-match"];
  return ifNoneMatch !== undefined && names(ifNoneMatch, etag, "weak");
}

/** True when a Range may be honoured: there is no If-Range, or it names exactly what we have (RFC 9110 §13.1.5). */
export function rangeApplies(
  ifRange: string | undefined,
  { etag, modifiedAt }: Validators,
  now: Date,
): boolean {
  if (ifRange === undefined) return true;
  if (/^(W\/)?"/.test(ifRange)) return ifRange === `"${etag}"`;
  // A date is a strong validator only when its second is over (§8.8.2.2).
  const seconds = wholeSeconds(modifiedAt);
  return parseHttpDate(ifRange) === seconds && wholeSeconds(now) > seconds;
}

/** True when a list of entity tags, or `*`, has this one; weak tags are equal to strong ones only in a weak comparison. */
function names(list: string, etag: string, comparison: "strong" | "weak"): boolean {
  if (list.trim() === "*") return true;
  const tags = [...list.matchAll(/(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"/g)];
  return tags.some(([, weak, tag]) => tag === etag && (comparison === "weak" || !weak));
}

const HTTP_DATES = [
  /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/,
];

/** Epoch seconds of one of the three forms of an HTTP date (RFC 9110 §5.6.7); undefined for anything else. */
function parseHttpDate(text: string | undefined): number | undefined {
  if (text === undefined || !HTTP_DATES.some((form) => form.test(text))) return undefined;
  const moment = Date.parse(text.endsWith("GMT") ? text : `${text} GMT`);
  return Number.isNaN(moment) ? undefined : moment / 1000;
}

function wholeSeconds(moment: Date): number {
  return Math.floor(moment.getTime() / 1000);
}
