import { refusal } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { shanghaiClock } from "./shanghai.ts";

/**
 * Where a download stands, in the order of the numbers that clients know. `working` may be waiting too; `kept` is there
 * for ever, `ready` until its time comes; `failed` was cancelled when its error says so.
 */
export const DOWNLOAD_STATES = ["queued", "working", "kept", "failed", "ready", "expired"] as const;
export type DownloadState = (typeof DOWNLOAD_STATES)[number];

export const DOWNLOAD_MOVES: Readonly<Record<DownloadState, readonly DownloadState[]>> = {
  queued: ["working", "failed"],
  working: ["kept", "ready", "failed"],
  kept: [],
  failed: ["queued"],
  ready: ["kept", "expired"],
  expired: [],
};

/** What an order is for: one medium, or all on a list. A list has no file of its own: its children have. */
export const DOWNLOAD_KINDS = ["media", "playlist"] as const;
export type DownloadKind = (typeof DOWNLOAD_KINDS)[number];

/** How media stands that several downloads share: on its way, in the store, or come to nothing. */
export const SHARED_STATES = ["fetching", "stored", "failed"] as const;
export type SharedState = (typeof SHARED_STATES)[number];

/** The number by which the contract's clients know a state. */
export function statusOf(state: DownloadState): number {
  return DOWNLOAD_STATES.indexOf(state);
}

/** States in which there is a file. */
export const FILED_STATES = ["kept", "ready"] as const satisfies readonly DownloadState[];

/** What counts as success: it was fetched, whatever has become of it. */
export const SUCCESS_STATES = [
  "kept",
  "ready",
  "expired",
] as const satisfies readonly DownloadState[];

/** `quick_download` is there for a while, `archive` for ever. */
export const DOWNLOAD_MODES = ["quick_download", "archive"] as const;
export type DownloadMode = (typeof DOWNLOAD_MODES)[number];

/** What a download waits for while it is `working`: its next try, its turn, or a proxy. */
export const WAITS = ["retry", "gate", "proxy", "disk"] as const;
export type Wait = (typeof WAITS)[number];

/** What may be asked for by name; a height, the best there is, or sound alone. */
export const QUALITY = /^(best|audio|\d{3,4}p)$/;
/** What a source calls a format of its own; two that belong together are joined by `+`. */
export const FORMAT_ID = /^[\w.-]{1,60}(\+[\w.-]{1,60})?$/;
export const MEDIA_FORMATS = ["mp4", "mkv", "webm", "mov", "m4a", "mp3", "opus", "ogg"] as const;

/** Where a download's file lies, by the day it was ordered in Shanghai. */
export function downloadKey(download: {
  id: string;
  accountId: string;
  mode: DownloadMode;
  createdAt: Date;
}): string {
  const { id, accountId, mode, createdAt } = download;
  const folder = mode === "archive" ? `archive/${dayOf(createdAt).replaceAll("-", "")}` : "quick";
  return `accounts/${accountId}/downloads/${folder}/${id}`;
}

/** Where a file lies that several downloads share: beside that of the one that it is named after. */
export function sharedKey(download: Parameters<typeof downloadKey>[0]): string {
  return `${downloadKey(download)}.shared`;
}

const SHARED_FOLDER = "shared-";

/** The folder in which parts of media lie until it is whole: a download's own, or that of what several share. */
export function partsFolder(of: { downloadId: string } | { mediaId: string }): string {
  return "mediaId" in of ? `${SHARED_FOLDER}${of.mediaId}` : of.downloadId;
}

/** Whose parts lie in a folder of this name. */
export function partsOwner(folder: string): { downloadId: string } | { mediaId: string } {
  if (!folder.startsWith(SHARED_FOLDER)) return { downloadId: folder };
  return { mediaId: folder.slice(SHARED_FOLDER.length) };
}

/** Whether a file lies where files are kept for ever. */
export function isArchived(objectKey: string): boolean {
  return objectKey.includes("/downloads/archive/");
}

/** `2026-11-21`, as a calendar in Shanghai shows a moment. */
export function dayOf(moment: Date): string {
  return shanghaiClock(moment).slice(0, 10);
}

/** The next midnight in Shanghai. */
export function nextMidnight(now: Date): Date {
  const midnight = Date.parse(`${dayOf(now)}T00:00:00+08:00`);
  return new Date(midnight + 86_400_000);
}

/** Says in seconds how long a download may take, before anything is known of it but this. */
export function estimateSeconds(durationSeconds: number | null, quality: string): number {
  const extra = quality === "1080p" ? 60 : quality === "720p" ? 30 : 15;
  return Math.ceil(Math.max(30, (durationSeconds ?? 0) / 10) + extra);
}

/** Hosts of platforms that have a name, by the end of their names. */
const PLATFORMS: Readonly<Record<string, readonly string[]>> = {
  youtube: ["youtube.com", "youtu.be", "youtube-nocookie.com"],
  tiktok: ["tiktok.com"],
  bilibili: ["bilibili.com", "b23.tv"],
  twitter: ["twitter.com", "x.com"],
  instagram: ["instagram.com"],
};

/** The platform that a host belongs to; `generic` for all others. */
export function platformOf(hostname: string): string {
  const name = hostname.replace(/\.$/, "");
  const belongs = (host: string) => name === host || name.endsWith(`.${host}`);
  return Object.keys(PLATFORMS).find((name) => PLATFORMS[name]!.some(belongs)) ?? "generic";
}

/** What says from where somebody came, and nothing about what they want. */
const TRACKING = /^(utm_source|utm_medium|utm_campaign|fbclid|gclid)$/;

/** An address without what only tracks people; two that then are the same lead to the same thing. */
export function withoutTracking(address: string): string {
  const [rest, fragment] = splitOnce(address, "#");
  const [path, query] = splitOnce(rest, "?");
  const kept = (query ?? "").split("&").filter((part) => {
    const [name = ""] = part.split("=");
    return part !== "" && !TRACKING.test(name);
  });
  const asked = kept.length > 0 ? `?${kept.join("&")}` : "";
  return `${path}${asked}${fragment ? `#${fragment}` : ""}`;
}

function splitOnce(text: string, by: string): [string, string?] {
  const at = text.indexOf(by);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + by.length)];
}

/** What a file cannot be called: control characters, what turns text around, and what leads elsewhere. */
const UNFIT =
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff<>:"/\\|?*]/g;

/** The name that a file is saved under: what its source called it, as far as a name can be that, and its extension. */
export function fileNameOf(title: string, extension: string, fallback: string): string {
  const words = title
    .replace(UNFIT, "_")
    .replace(/^[\s.]+|[\s.]+$/g, "")
    .replace(/\s+/g, " ");
  const room = LIMITS.fileNameBytes - extension.length - 1;
  let name = "";
  let bytes = 0;
  for (const character of words) {
    bytes += utf8Bytes(character.codePointAt(0)!);
    if (bytes > room) break;
    name += character;
  }
  return `${name.replace(/[\s.]+$/, "") || fallback}.${extension}`;
}

function utf8Bytes(codePoint: number): number {
  if (codePoint < 0x80) return 1;
  if (codePoint < 0x800) return 2;
  return codePoint < 0x10000 ? 3 : 4;
}

/** The pause before the next try, in seconds; undefined when there is none. A source may ask for a longer one. */
export function pauseBefore(
  nextTry: number,
  pausesSeconds: readonly number[],
  retryAfterSeconds = 0,
): number | undefined {
  const planned = pausesSeconds[nextTry - 2];
  if (planned === undefined) return undefined;
  return Math.max(planned, Math.min(retryAfterSeconds, LIMITS.downloadPauseSeconds));
}

/** The moment until which a file is there that is kept for `seconds` from now on, in epoch milliseconds. */
export function expiryAfter(now: number, seconds: number): number {
  return now + seconds * 1000;
}

/** Refuses what can only be asked of a file that is there for a while. */
export function assertReady(state: DownloadState): void {
  if (state === "ready") return;
  throw refusal("downloads/not-ready", `This download is ${state}: there is no end to move.`);
}
