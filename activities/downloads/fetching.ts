import type { MediaFacts } from "../../domain/downloads/media.ts";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { downloadKey, fileNameOf } from "../../domain/downloads.ts";
import { type Failure, failureOf } from "../../domain/downloads/failures.ts";
import type { Heard } from "../../domain/downloads/progress.ts";
import { refusalIn } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import {
  addressHash,
  beginAttempt,
  changeDownload,
  Download,
  endAttempt,
  findParse,
  keepParse,
  parsePlace,
} from "../../models/downloads/index.ts";
import type { FetchedMedia, MediaTool, MediaWish } from "../../platform/yt-dlp/index.ts";
import type { DownloadRef, KnownMedia, ParseOrder, StoredMedia, TryOrder } from "./contract.ts";
import type { DownloadTools } from "./tools.ts";
import { openWay } from "./way.ts";
import { lasting, sourceFailed, tellProgress } from "./work.ts";

/** Where the tool writes down what a source says. */
const FACTS_FILE = "facts.info.json";

/** How media is fetched. Parts stay in the task's own folder from try to try, whatever happens to who fetches them. */
export function createFetchingActivities(tools: DownloadTools) {
  const { database, objects, egress, parts, downloadSettings: settings } = tools;

  return {
    /** Twice: what was asked a short while ago is not asked again. */
    async readMedia({ downloadId, attempt }: TryOrder): Promise<KnownMedia> {
      return lasting(async (signal) => {
        const row = await findRow(downloadId);
        const tool = toolOf(tools);
        const kept = await findParse(addressHash(row.url));
        if (kept) return { bytes: estimateBytes(JSON.parse(kept.facts) as MediaFacts, row) };
        await beginAttempt(database, { downloadId, number: attempt }, tool.version);
        const facts = await parts.within(downloadId, signal, (directory) =>
          ask(tool, row, directory, signal),
        );
        if ("kind" in facts) {
          await endAttempt(database, { downloadId, number: attempt }, facts);
          throw sourceFailed(facts);
        }
        await describe(row, facts);
        return { bytes: estimateBytes(facts, row) };
      });
    },

    /** Twice: what the source says now is kept in place of what it said a moment ago. */
    async parseMedia({ addressHash: hash, sealedAddress }: ParseOrder): Promise<void> {
      return lasting(async (signal) => {
        const url = tools.unseal(sealedAddress, parsePlace(hash));
        const wish = { url, quality: "best", format: "mp4", formatId: null };
        const facts = await tools.withScratch("parse", (directory) =>
          ask(toolOf(tools), wish, directory, signal),
        );
        if ("kind" in facts) throw sourceFailed(facts);
      });
    },

    /**
     * Twice: what is there of it is not fetched again, and a file that was stored is stored once more under the same key.
     */
    async fetchMedia({ downloadId, attempt }: TryOrder): Promise<StoredMedia> {
      return lasting(async (signal) => {
        const row = await findRow(downloadId);
        const tool = toolOf(tools);
        const number = { downloadId, number: attempt };
        await beginAttempt(database, number, tool.version);
        const tell = tellProgress(tools, row, attempt);
        return parts.within(downloadId, signal, async (directory) => {
          const media = await fetch(tool, row, directory, signal, tell);
          const stored = "kind" in media ? media : await store(row, media, signal, tell);
          await endAttempt(database, number, "kind" in stored ? stored : undefined);
          if ("kind" in stored) throw sourceFailed(stored);
          return stored;
        });
      });
    },

    /** Twice: what is gone is gone. */
    async removeParts({ downloadId }: DownloadRef): Promise<void> {
      await lasting((signal) => parts.remove(downloadId, signal));
    },
  };

  async function ask(tool: MediaTool, wanted: Wanted, directory: string, signal: AbortSignal) {
    const way = openWay(egress, settings);
    try {
      const run = runOf(wanted, directory, AbortSignal.any([signal, way.stopped]), way.env);
      const facts = await tool.readFacts(run);
      if ("kind" in facts) return way.judge(facts);
      await keep(tool, wanted.url, facts, directory);
      return facts;
    } catch (error) {
      return stoppedFailure(error, way, signal);
    } finally {
      way.close();
    }
  }

  async function fetch(
    tool: MediaTool,
    row: Download,
    directory: string,
    signal: AbortSignal,
    onProgress: (heard: Heard) => void,
  ): Promise<FetchedMedia | Failure> {
    const way = openWay(egress, settings);
    try {
      const known = await bringFacts(row, directory);
      const run = runOf(row, directory, AbortSignal.any([signal, way.stopped]), way.env);
      const media = await tool.fetch({ ...run, onProgress }, known);
      if ("kind" in media) {
        // Addresses in what was known may be good no longer.
        if (known) await rm(join(directory, FACTS_FILE), { force: true });
        return way.judge(media);
      }
      await describe(row, media.facts);
      return media;
    } catch (error) {
      return stoppedFailure(error, way, signal);
    } finally {
      way.close();
    }
  }

  function runOf(
    { url, quality, format, formatId }: Wanted,
    directory: string,
    signal: AbortSignal,
    env: Readonly<Record<string, string>>,
  ) {
    const { maxBytes } = settings;
    const wish: MediaWish = { url, quality, format, formatId: formatId ?? undefined, maxBytes };
    return { wish, directory, signal, env, timeoutMs: LIMITS.downloadSeconds * 1000 };
  }

  /** Whether the folder knows its source: from a try before, or because somebody has asked a short while ago. */
  async function bringFacts(row: Download, directory: string): Promise<boolean> {
    const file = join(directory, FACTS_FILE);
    const there = await stat(file).catch(() => undefined);
    if (there && Date.now() - there.mtimeMs < LIMITS.parseSeconds * 1000) {
      return isWhole(await readFile(file, "utf8"));
    }
    const kept = await findParse(addressHash(row.url));
    if (!kept) return false;
    await writeFile(file, kept.source);
    return true;
  }

  async function keep(tool: MediaTool, url: string, facts: MediaFacts, directory: string) {
    await keepParse(database, {
      addressHash: addressHash(url),
      facts: JSON.stringify(facts),
      source: await readFile(join(directory, FACTS_FILE), "utf8"),
      toolVersion: tool.version,
    });
  }

  async function describe({ id }: Download, facts: MediaFacts): Promise<void> {
    await changeDownload(database, id, "working", {
      title: facts.title.slice(0, 500),
      author: facts.author?.slice(0, 200) ?? null,
      thumbnail: (facts.thumbnail?.length ?? 0) <= 1000 ? facts.thumbnail : null,
      durationMs: facts.durationSeconds === null ? null : Math.round(facts.durationSeconds * 1000),
    });
  }

  async function store(
    row: Download,
    { file, bytes, extension, facts }: FetchedMedia,
    signal: AbortSignal,
    tell: (heard: Heard) => void,
  ): Promise<StoredMedia | Failure> {
    tell({ kind: "step", name: "storing" });
    const objectKey = downloadKey(row);
    // The contract's clients compare it; nobody relies on it alone.
    const md5 = createHash("md5");
    const source = Readable.from(hashing(createReadStream(file), md5), { objectMode: false });
    try {
      const { sha256 } = await objects.put(objectKey, source, { signal });
      const fileName = fileNameOf(facts.title, extension, row.id);
      return { objectKey, fileName, bytes, md5: md5.digest("hex"), sha256 };
    } catch (error) {
      if (refusalIn(error)?.code !== "platform/storage-full") throw error;
      return failureOf("downloads/disk-full", "retryable");
    }
  }
}

/** What is asked for at an address. */
type Wanted = Pick<Download, "url" | "quality" | "format" | "formatId">;

async function* hashing(chunks: AsyncIterable<Buffer>, hash: ReturnType<typeof createHash>) {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}

/** How many bytes are wanted, as far as the source says; null when it does not. */
function estimateBytes(facts: MediaFacts, { quality, formatId }: Wanted): number | null {
  if (!formatId) return quality === "best" ? facts.bytes : null;
  const sizes = formatId.split("+").map((id) => facts.formats.find((one) => one.id === id)?.bytes);
  const known = sizes.filter((size) => typeof size === "number");
  return known.length === sizes.length ? known.reduce((sum, size) => sum + size, 0) : null;
}

/** A process that was killed while it wrote leaves half of what it knew. */
function isWhole(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** What stopped the way is the source's failure; everything else is thrown on. */
function stoppedFailure(
  error: unknown,
  way: { stopped: AbortSignal; judge: (failure: Failure) => Failure },
  signal: AbortSignal,
): Failure {
  if (!way.stopped.aborted || signal.aborted) throw error;
  return way.judge(failureOf("downloads/source-away", "retryable"));
}

async function findRow(id: string): Promise<Download> {
  return Download.findByPk(id, { rejectOnEmpty: true });
}

/** Tried again by Temporal until it is there: meanwhile another worker may have it. */
function toolOf({ mediaTool }: DownloadTools): MediaTool {
  const tool = mediaTool();
  if (!tool) throw new Error("yt-dlp is not there yet: see /ready");
  return tool;
}
