import type { MediaFacts } from "../../domain/downloads/media.ts";
import { z } from "zod";
import {
  DOWNLOAD_KINDS,
  DOWNLOAD_MODES,
  DOWNLOAD_STATES,
  FORMAT_ID,
  MEDIA_FORMATS,
  QUALITY,
  statusOf,
  WAITS,
} from "../../domain/downloads.ts";
import { FAILURE_CLASSES } from "../../domain/downloads/failures.ts";
import { PHASE_LABELS, PHASES } from "../../domain/downloads/progress.ts";
import { LIMITS } from "../../domain/limits.ts";
import { printShanghai, readShanghaiClock } from "../../domain/shanghai.ts";
import type { Children, Download, DownloadAttempt } from "../../models/downloads/index.ts";
import type { OpenTransfer } from "../transfers.ts";

const Moment = z.iso.datetime({ offset: true });
const Address = z.string().min(1).max(LIMITS.downloadUrlCharacters);
const FormatId = z.string().regex(FORMAT_ID, "must be a format_id of POST /api/v1/parse");
const Quality = z.string().regex(QUALITY, "must be best, audio, or a height as 1080p");

export const ParseBody = z.strictObject({
  url: Address,
  /** Asks the source, also when it was asked within the hour. */
  skip_cache: z.boolean().default(false),
});

export const DownloadBody = z.strictObject({
  url: Address,
  /** Fetches all that is on the list at this address, up to 500 media, each as a download of its own. */
  playlist: z.boolean().default(false),
  mode: z.enum(DOWNLOAD_MODES).default("quick_download"),
  quality: Quality.default("best"),
  format: z.enum(MEDIA_FORMATS).default("mp4"),
  format_id: FormatId.optional(),
  /** One of the formats that POST /api/v1/parse showed: what it says goes before the rest. */
  selected_format: z
    .looseObject({
      format_id: FormatId.optional(),
      quality: z.string().max(20).optional(),
      extension: z.string().max(10).optional(),
    })
    .optional(),
});

export const AcceptedOut = z.strictObject({
  task_id: z.uuid(),
  history_id: z.int(),
  /** Seconds. */
  estimated_time: z.int(),
});

const FormatOut = z.strictObject({
  format_id: z.string(),
  quality: z.string(),
  extension: z.string(),
  filesize: z.int().nullable(),
  height: z.int().nullable(),
  width: z.int().nullable(),
  fps: z.number().nullable(),
  video_codec: z.string().nullable(),
  audio_codec: z.string().nullable(),
  vbr: z.number().nullable(),
  abr: z.number().nullable(),
  asr: z.number().nullable(),
});

export const ParsedOut = z.strictObject({
  video_id: z.string(),
  platform: z.string(),
  title: z.string(),
  description: z.string().nullable(),
  /** Seconds, with fractions. */
  duration: z.number().nullable(),
  thumbnail: z.string().nullable(),
  author: z.string().nullable(),
  upload_date: z.string().nullable(),
  view_count: z.int().nullable(),
  formats: z.array(FormatOut),
});

export const HistoryId = z.strictObject({
  history_id: z.coerce.number("must be a number").int().min(1).max(Number.MAX_SAFE_INTEGER),
});

const DAY = /^\d{4}-\d\d-\d\d$/;

/** A moment as the contract's clients write it, by the clock in Shanghai; a day is meant from its beginning. */
function readMoment(text: string): Date | undefined {
  const isMoment = Moment.safeParse(text).success;
  return isMoment ? new Date(text) : readShanghaiClock(DAY.test(text) ? `${text} 00:00:00` : text);
}

const AnyMoment = z
  .string()
  .refine(readMoment, "must be as 2026-11-21, 2026-11-21 08:00:00 or 2026-11-21T08:00:00+08:00");
const From = AnyMoment.transform((text) => readMoment(text)!);
const To = AnyMoment.transform((text) => {
  const start = readMoment(text)!;
  return DAY.test(text) ? new Date(start.getTime() + 86_400_000) : start;
});

export const HistoryQuery = z.strictObject({
  /** 0 is for all; 1 to 5 as in `status` of the items. */
  status: z.coerce.number().int().min(0).max(5).default(0),
  state: z.enum(DOWNLOAD_STATES).optional(),
  platform: z.string().max(50).optional(),
  /** The number of a list: then its media are listed, which are not among the rest. */
  parent_id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER).optional(),
  start_date: From.optional(),
  /** A day is meant with all of its hours. */
  end_date: To.optional(),
  page: z.coerce.number().int().min(1).max(10_000).default(1),
  page_size: z.coerce.number().int().min(1).max(LIMITS.listItems).default(20),
  sort_by: z.enum(["created_at", "file_size", "status", "platform"]).default("created_at"),
  sort_order: z.enum(["asc", "desc"]).default("desc"),
});

const ProgressOut = z.strictObject({
  phase: z.enum(PHASES),
  phase_label: z.strictObject({ zh: z.string(), en: z.string() }),
  percent: z.number(),
  downloaded_bytes: z.int(),
  total_bytes: z.int().nullable(),
  speed: z.int().nullable(),
  eta: z.int().nullable(),
});

export const HistoryItem = z.strictObject({
  history_id: z.int(),
  task_id: z.uuid(),
  /** A list has no file: its media have, which are listed by `parent_id`. */
  kind: z.enum(DOWNLOAD_KINDS),
  /** The list that it came with, and its place there. */
  parent_task_id: z.uuid().nullable(),
  position: z.int().nullable(),
  /** Of a list: how its media stand, and whether it has more than are fetched. */
  children: z
    .strictObject({ total: z.int(), done: z.int(), failed: z.int(), truncated: z.boolean() })
    .nullable(),
  url: z.string(),
  platform: z.string(),
  title: z.string().nullable(),
  author: z.string().nullable(),
  thumbnail: z.string().nullable(),
  duration: z.number().nullable(),
  mode: z.enum(DOWNLOAD_MODES),
  quality: z.string(),
  format: z.string(),
  format_id: z.string().nullable(),
  /** 0 queued, 1 working, 2 kept for ever, 3 failed or cancelled, 4 ready until `expire_at`, 5 expired. */
  status: z.int(),
  state: z.enum(DOWNLOAD_STATES),
  /** What it waits for while it is working; its next try is at `next_try_at`. */
  waiting_for: z.enum(WAITS).nullable(),
  next_try_at: Moment.nullable(),
  attempts: z.int(),
  error_code: z.string().nullable(),
  error_message: z.string().nullable(),
  progress: ProgressOut.nullable(),
  file_name: z.string().nullable(),
  file_size: z.int().nullable(),
  /** MD5; `sha256` is the one to rely on. */
  file_hash: z.string().nullable(),
  sha256: z.string().nullable(),
  created_at: Moment,
  started_at: Moment.nullable(),
  completed_at: Moment.nullable(),
  expire_at: Moment.nullable(),
});

export const HistoryOut = z.strictObject({
  total: z.int(),
  page: z.int(),
  page_size: z.int(),
  items: z.array(HistoryItem),
});

export const HistoryEntryOut = HistoryItem.extend({
  tries: z.array(
    z.strictObject({
      number: z.int(),
      yt_dlp: z.string(),
      failure_class: z.enum(FAILURE_CLASSES).nullable(),
      error_code: z.string().nullable(),
      error_message: z.string().nullable(),
      started_at: Moment,
      ended_at: Moment.nullable(),
    }),
  ),
});

export const ExtendBody = z
  .strictObject({
    /** From now on; as long as a quick download is kept when not given. */
    seconds: z.int().min(1).max(LIMITS.downloadTtlSeconds).optional(),
  })
  .prefault({});
export const ExtendedOut = z.strictObject({ history_id: z.int(), expire_at: Moment });

export const QuotaOut = z.strictObject({
  /** Null where the balance decides. */
  daily_limit: z.int().nullable(),
  daily_used: z.int(),
  remaining: z.int().nullable(),
  reset_at: Moment,
});

export const StatsOut = z.strictObject({
  total_downloads: z.int(),
  success_downloads: z.int(),
  failed_downloads: z.int(),
  total_size_bytes: z.int(),
  top_platforms: z.array(z.strictObject({ platform: z.string(), count: z.int() })),
  recent_activity: z.array(z.strictObject({ date: z.iso.date(), count: z.int() })),
});

/** Of the contract: what is wrong with it is said in its own words. */
export const FileQuery = z.strictObject({ history_id: z.string().optional() });
export const TicketQuery = z.strictObject({ ticket: z.string().optional() });
export const TicketBody = z.strictObject({ history_id: z.int().min(1) });
export const TicketOut = z.strictObject({ ticket: z.string(), expires_in: z.int() });

const isoOf = (moment: Date | null) => moment && printShanghai(moment);

export function presentDownload(row: Download, children?: Children): z.input<typeof HistoryItem> {
  const { progress } = row;
  return {
    history_id: row.serial,
    task_id: row.id,
    kind: row.kind,
    parent_task_id: row.parentId,
    position: row.position,
    children: children ? { ...children, truncated: row.isTruncated } : null,
    url: row.url,
    platform: row.platform,
    title: row.title,
    author: row.author,
    thumbnail: row.thumbnail,
    duration: row.durationMs === null ? null : row.durationMs / 1000,
    mode: row.mode,
    quality: row.quality,
    format: row.format,
    format_id: row.formatId,
    status: statusOf(row.state),
    state: row.state,
    waiting_for: row.waitingFor,
    next_try_at: isoOf(row.nextTryAt),
    attempts: row.attempts,
    error_code: row.errorCode,
    error_message: row.error,
    progress: progress && {
      phase: progress.phase,
      phase_label: PHASE_LABELS[progress.phase],
      percent: progress.percent,
      downloaded_bytes: progress.downloadedBytes,
      total_bytes: progress.totalBytes,
      speed: progress.bytesPerSecond,
      eta: progress.etaSeconds,
    },
    file_name: row.fileName,
    file_size: row.bytes,
    file_hash: row.md5,
    sha256: row.sha256,
    created_at: printShanghai(row.createdAt),
    started_at: isoOf(row.startedAt),
    completed_at: isoOf(row.completedAt),
    expire_at: isoOf(row.expireAt),
  };
}

/** A file on its way. */
const TransferOut = z.strictObject({
  id: z.uuid(),
  account_id: z.uuid(),
  task_id: z.uuid(),
  history_id: z.int(),
  file_name: z.string(),
  /** What was asked for of the file, and what of that had gone when its process told of it last. */
  bytes: z.int(),
  sent_bytes: z.int(),
  since: Moment,
});
export const TransfersOut = z.strictObject({
  most: z.int(),
  most_per_user: z.int(),
  items: z.array(TransferOut),
});

export function presentTransfer(transfer: OpenTransfer): z.input<typeof TransferOut> {
  return {
    id: transfer.id,
    account_id: transfer.owner,
    task_id: transfer.downloadId,
    history_id: transfer.historyId,
    file_name: transfer.fileName,
    bytes: transfer.bytes,
    sent_bytes: transfer.sentBytes,
    since: new Date(transfer.since).toISOString(),
  };
}

export function presentTry(row: DownloadAttempt) {
  return {
    number: row.number,
    yt_dlp: row.toolVersion,
    failure_class: row.failureClass,
    error_code: row.errorCode,
    error_message: row.error,
    started_at: printShanghai(row.startedAt),
    ended_at: isoOf(row.endedAt),
  };
}

export function presentParsed(facts: MediaFacts, platform: string): z.input<typeof ParsedOut> {
  return {
    video_id: facts.id,
    platform,
    title: facts.title,
    description: facts.description,
    duration: facts.durationSeconds,
    thumbnail: facts.thumbnail,
    author: facts.author,
    upload_date: facts.uploadDate,
    view_count: facts.views,
    formats: facts.formats.map((format) => ({
      format_id: format.id,
      quality: labelOf(format),
      extension: format.extension,
      filesize: format.bytes,
      height: format.height,
      width: format.width,
      fps: format.fps,
      video_codec: format.videoCodec,
      audio_codec: format.audioCodec,
      vbr: format.videoRate,
      abr: format.audioRate,
      asr: format.sampleRate,
    })),
  };
}

/** What people call a picture of this height, or sound of this rate. */
function labelOf({ height, audioRate, note }: MediaFacts["formats"][number]): string {
  if (height) return height >= 2160 ? "4K" : height >= 1440 ? "2K" : `${height}p`;
  return audioRate ? `${Math.round(audioRate)}kbps` : (note ?? "unknown");
}
