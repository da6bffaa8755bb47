import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { LIMITS } from "../../domain/limits.ts";
import { classify, type Failure, failureOf } from "../../domain/downloads/failures.ts";
import type { MediaFacts } from "../../domain/downloads/media.ts";
import type { Heard } from "../../domain/downloads/progress.ts";
import { folderBytes } from "../disk.ts";
import type { Shell, ToolEnd } from "../shell.ts";
import { readFacts } from "./facts.ts";
import { readListed, type SourceList } from "./lists.ts";
import {
  FACTS_FILE,
  factsArguments,
  listArguments,
  MEDIA_NAME,
  mediaArguments,
  type MediaWish,
} from "./options.ts";
import type { YtDlp } from "./program.ts";
import { readProgress } from "./progress.ts";
import { listenToTraffic, type OnSentAway } from "./traffic.ts";

export type { SourceList } from "./lists.ts";
export type { MediaWish } from "./options.ts";
export { findYtDlp, NoYtDlp, type YtDlp } from "./program.ts";

/** One run of yt-dlp, in a folder that keeps what was fetched for the next one. */
export interface MediaRun {
  wish: MediaWish;
  directory: string;
  timeoutMs: number;
  signal?: AbortSignal;
  /** The way out, as its environment tells it: nobody else on the machine can read that. */
  env?: Readonly<Record<string, string>>;
  onProgress?: (heard: Heard) => void;
  /** Warnings and errors as they come, without the addresses in them. */
  onComplaint?: (line: string) => void;
  onSentAway?: OnSentAway;
}

/** What was fetched. */
export interface FetchedMedia {
  /** The file's path. */
  file: string;
  /** Without its dot. */
  extension: string;
  bytes: number;
  facts: MediaFacts;
}

/** Asks sources for media and what they say of it. A failure is an answer, not an error. */
export interface MediaTool {
  /** What yt-dlp is called in what is written down: its version. */
  version: string;
  readFacts(run: MediaRun): Promise<MediaFacts | Failure>;
  /** The first `most` media of a list; what is no list has one. */
  readList(run: MediaRun, most: number): Promise<SourceList | Failure>;
  /** Goes on with what is in the folder; `known` when the source's facts are among it, and not too old. */
  fetch(run: MediaRun, known: boolean): Promise<FetchedMedia | Failure>;
}

/** Where a media tool finds its programs. */
export interface MediaToolSettings {
  program: YtDlp;
  shell: Shell;
}

/** How often the folder's size is looked at, beside what yt-dlp says itself. */
const LOOK_MS = 500;
const LAST_LINES = 20;
const COMPLAINT = /^(WARNING|ERROR):/;
/** What may hold a secret: of a source's, of a proxy's. */
const ADDRESS = /\b[a-z][a-z0-9+.-]*:\/\/[^\s'"]+/gi;
/** A line of a cookie file that it cannot read, with the secret that is in it. */
const COOKIE = /(skipping cookie file entry).*/s;
/** Whatever it has written by then is gone on with. */
const KILL_AFTER_MS = 2_000;

/** Opens yt-dlp for use. What it merges needs ffmpeg, what some players want needs Node. */
export function openMediaTool(settings: MediaToolSettings): MediaTool {
  const { program, shell } = settings;
  const toolsHere = async () => ({
    ffmpeg: (await shell.find("ffmpeg")) !== undefined,
    node: process.execPath,
  });

  return {
    version: program.version,

    async readFacts(order) {
      const args = factsArguments(order.wish, await toolsHere());
      const { end, complaints } = await run(settings, order, args);
      if (end.exitCode !== 0) return failureIn(end, complaints);
      return (await factsIn(order.directory)) ?? failureOf("downloads/unsupported", "terminal");
    },

    async readList(order, most) {
      const args = listArguments(order.wish, await toolsHere(), most);
      const list: SourceList = { title: null, media: [] };
      const onLine = (line: string) => readListed(line, list, order.wish.url);
      const { end, complaints } = await run(settings, order, args, onLine);
      return end.exitCode === 0 ? list : failureIn(end, complaints);
    },

    async fetch(order, known) {
      const limit = watchSize(order);
      try {
        const args = mediaArguments(order.wish, await toolsHere(), known);
        const onProgress = (heard: Heard) => {
          limit.hear(heard);
          order.onProgress?.(heard);
        };
        const watched = { ...order, signal: limit.signal, onProgress };
        const { end, complaints } = await run(settings, watched, args);
        return end.exitCode === 0 ? await found(order) : failureIn(end, complaints);
      } catch (error) {
        order.signal?.throwIfAborted();
        if (limit.signal.aborted) return failureOf("downloads/too-large", "terminal");
        throw error;
      } finally {
        limit.dismiss();
      }
    },
  };
}

/** Runs yt-dlp to its end, and answers the last that it said beside its progress. */
async function run(
  { program, shell }: MediaToolSettings,
  order: MediaRun,
  args: readonly string[],
  onOther: (line: string) => void = () => {},
) {
  const { directory, timeoutMs, signal, env, onProgress, onComplaint, onSentAway } = order;
  const isTraffic = listenToTraffic(onSentAway);
  const complaints: string[] = [];
  const end = await shell.run({
    command: program.command,
    args: [...program.words, ...args],
    directory,
    readable: [...program.readable, process.execPath],
    network: true,
    timeoutMs,
    killAfterMs: KILL_AFTER_MS,
    ...(signal && { signal }),
    ...(env && { env }),
    onLine(line) {
      const heard = readProgress(line);
      if (heard) return onProgress?.(heard);
      if (isTraffic(line)) return;
      onOther(line);
      complaints.push(line);
      if (COMPLAINT.test(line)) onComplaint?.(withoutSecrets(line));
      if (complaints.length > LAST_LINES) complaints.shift();
    },
  });
  signal?.throwIfAborted();
  return { end, complaints };
}

function withoutSecrets(line: string): string {
  return line.replace(COOKIE, "$1").replace(ADDRESS, "<address>");
}

/** What a run that ended well has left. What is larger than it may be was passed over as if all were well. */
async function found({ directory, wish }: MediaRun): Promise<FetchedMedia | Failure> {
  const [facts, file] = [await factsIn(directory), await mediaIn(directory)];
  if (file?.bytes === 0) return failureOf("downloads/source-away", "retryable");
  if (!facts) return failureOf("downloads/unsupported", "terminal");
  if (!file || file.bytes > wish.maxBytes) {
    return failureOf("downloads/too-large", "terminal");
  }
  return { ...file, facts };
}

/** Ends a run that fetches more than it may, whatever its source has said before. */
function watchSize({ directory, signal, wish }: MediaRun) {
  const tooLarge = new AbortController();
  const fetched = new Map<string, number>();
  const look = async () => {
    // What is merged is there twice for a moment.
    if ((await folderBytes(directory)) > wish.maxBytes * 2) tooLarge.abort();
  };
  const timer = setInterval(() => void look(), LOOK_MS);
  return {
    signal: signal ? AbortSignal.any([signal, tooLarge.signal]) : tooLarge.signal,
    hear(heard: Heard) {
      if (heard.kind !== "stream") return;
      fetched.set(heard.format, Math.max(heard.downloadedBytes, heard.totalBytes ?? 0));
      const bytes = [...fetched.values()].reduce((sum, one) => sum + one, 0);
      if (bytes > wish.maxBytes) tooLarge.abort();
    },
    dismiss: () => clearInterval(timer),
  };
}

/** What is known of the source; undefined where there is nothing, or nothing that can be used. */
async function factsIn(directory: string): Promise<MediaFacts | undefined> {
  const file = join(directory, FACTS_FILE);
  const { size } = (await stat(file).catch(() => undefined)) ?? { size: Infinity };
  if (size > LIMITS.sourceFactsBytes) return undefined;
  return readFacts(await readFile(file, "utf8"));
}

/** The finished file, which has our name; what is unfinished has longer ones. */
async function mediaIn(directory: string): Promise<Omit<FetchedMedia, "facts"> | undefined> {
  for (const name of await readdir(directory)) {
    const [, extension] = new RegExp(`^${MEDIA_NAME}\\.([A-Za-z0-9]{1,10})$`).exec(name) ?? [];
    if (!extension || extension === "part" || extension === "ytdl") continue;
    const file = join(directory, name);
    return { file, extension, bytes: (await stat(file)).size };
  }
  return undefined;
}

function failureIn({ ended, signal }: ToolEnd, complaints: readonly string[]): Failure {
  if (ended === "timed-out") return failureOf("downloads/source-away", "retryable");
  const at = complaints.findLastIndex((line) => line.startsWith("ERROR:"));
  // Of a stream that broke off it says why after a carriage return: to us that is the next line.
  const said = at < 0 ? undefined : complaints.slice(at).join(" ");
  // Somebody has ended it; it goes on where it was.
  if (!said && signal) return failureOf("downloads/source-away", "retryable");
  return classify(said ?? complaints.at(-1) ?? "");
}
