import { estimateBytes, type MediaFacts } from "../../domain/downloads/media.ts";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { downloadKey, fileNameOf, partsFolder } from "../../domain/downloads.ts";
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
  forgetParse,
  keepList,
  keepParse,
  type MediaParse,
  parsePlace,
  SharedMedia,
  waitersOf,
} from "../../models/downloads/index.ts";
import type { FetchedMedia, MediaTool, MediaWish } from "../../platform/yt-dlp/index.ts";
import { EMPTY_LIST, fetchable } from "./listed.ts";
import type {
  CarriedFailure,
  FetchOrder,
  FetchRef,
  KnownMedia,
  ParseOrder,
  StoredMedia,
  TryOrder,
} from "./contract.ts";
import { withRoom } from "./room.ts";
import type { DownloadTools } from "./tools.ts";
import { openWay, type Way, type WayOrder } from "./way.ts";
import { lasting, type Notes, openNotes, sourceFailed, tellProgress } from "./work.ts";

/** Where the tool writes down what a source says. */
const FACTS_FILE = "facts.info.json";

/** How media is fetched. Parts stay in the task's own folder from try to try, whatever happens to who fetches them. */
export function createFetchingActivities(tools: DownloadTools) {
  const { database, objects, parts, downloadSettings: settings } = tools;

  return {
    /** Twice: a list that was written down is not written again, whatever it says by now. */
    async readList({ downloadId, attempt, leaseId }: TryOrder): Promise<void> {
      return lasting(async (signal) => {
        const row = await findRow(downloadId);
        const tool = toolOf(tools);
        const number = { downloadId, number: attempt };
        await beginAttempt(database, number, tool.version);
        const list = await parts.within(downloadId, signal, (directory) =>
          underWay({ directory, leaseId, url: row.url }, signal, async (way, stop) => {
            const order = runOf(row, directory, stop, way);
            const said = await tool.readList(order, LIMITS.playlistMedia + 1);
            return "kind" in said ? said : (fetchable(said, row.url, tools) ?? EMPTY_LIST);
          }),
        );
        const failure = isFailure(list) ? list : undefined;
        if (!isFailure(list)) await keepList(database, row, list);
        await endAttempt(database, number, failure, "has read the list");
        if (failure) throw sourceFailed(failure);
      });
    },

    /** Twice: what was asked a short while ago is not asked again. */
    async readMedia({ downloadId, attempt, leaseId }: TryOrder): Promise<KnownMedia> {
      return lasting(async (signal) => {
        const row = await findRow(downloadId);
        const tool = toolOf(tools);
        const kept = await findParse(addressHash(row.url));
        if (kept) return { bytes: estimateBytes(factsOf(kept), row) };
        await beginAttempt(database, { downloadId, number: attempt }, tool.version);
        const facts = await parts.within(downloadId, signal, (directory) =>
          ask(tool, row, { directory, leaseId }, signal),
        );
        if ("kind" in facts) {
          await endAttempt(database, { downloadId, number: attempt }, facts);
          throw sourceFailed(facts);
        }
        await describe({ downloadId }, facts);
        return { bytes: estimateBytes(facts, row) };
      });
    },

    /** Twice: what the source says now is kept in place of what it said a moment ago. */
    async parseMedia({ addressHash: hash, sealedAddress, leaseId }: ParseOrder): Promise<void> {
      return lasting(async (signal) => {
        const url = tools.unseal(sealedAddress, parsePlace(hash));
        const wish = { url, quality: "best", format: "mp4", formatId: null };
        const facts = await tools.withScratch("parse", (directory) =>
          ask(toolOf(tools), wish, { directory, leaseId }, signal),
        );
        if ("kind" in facts) throw sourceFailed(facts);
      });
    },

    /**
     * Twice: what is there of it is not fetched again, and a file that was stored is stored once more under the same key.
     */
    async fetchMedia({ attempt, leaseId, ...of }: FetchOrder): Promise<StoredMedia> {
      return lasting(async (signal) => {
        const wanted = await findWanted(of);
        const tool = toolOf(tools);
        const number = { downloadId: wanted.id, number: attempt };
        const notes = openNotes(tools, wanted.id);
        const tell = await tellProgress(tools, of, notes);
        return parts.within(partsFolder(of), signal, async (directory) => {
          const { id: holder, row } = wanted;
          const known = await findParse(addressHash(row.url));
          const mediaBytes = known ? estimateBytes(factsOf(known), row) : null;
          const room = { holder, directory, mediaBytes, mostBytes: settings.maxBytes };
          const stored = await withRoom<Outcome>(tools, room, async ({ gone, hear }) => {
            await beginAttempt(database, number, tool.version);
            const stop = AbortSignal.any([signal, gone]);
            const progress = (heard: Heard) => {
              hear(heard);
              tell(heard);
            };
            const place = { directory, leaseId, isNobody: "mediaId" in of };
            const media = await fetch(tool, wanted, place, stop, { progress, notes });
            return "kind" in media ? media : store(wanted, media, stop, tell);
          });
          await notes.told();
          const failure = isFailure(stored) ? stored : undefined;
          if (!failure?.waitsFor) await endAttempt(database, number, failure);
          if (isFailure(stored)) throw sourceFailed(stored);
          return stored;
        });
      });
    },

    /** Twice: what is gone is gone. */
    async removeParts(of: FetchRef): Promise<void> {
      await lasting((signal) => parts.remove(partsFolder(of), signal));
    },
  };

  async function ask(tool: MediaTool, wanted: Wanted, place: Place, signal: AbortSignal) {
    return underWay({ ...place, url: wanted.url }, signal, async (way, stop) => {
      const { directory } = place;
      const facts = await tool.readFacts(runOf(wanted, directory, stop, way));
      if ("kind" in facts) return facts;
      // Addresses that were told to somebody, or to a proxy's address, are for nobody else.
      const isForAll = !way.cookieFile && !place.leaseId;
      const source = isForAll ? await readFile(join(directory, FACTS_FILE), "utf8") : "";
      await keepParse(database, {
        addressHash: addressHash(wanted.url),
        facts: JSON.stringify(facts),
        source,
        toolVersion: tool.version,
      });
      return facts;
    });
  }

  async function fetch(
    tool: MediaTool,
    { row, of }: WantedMedia,
    place: Place,
    signal: AbortSignal,
    tell: { progress: (heard: Heard) => void; notes: Notes },
  ): Promise<FetchedMedia | CarriedFailure> {
    return underWay({ ...place, url: row.url }, signal, async (way, stop) => {
      const { directory } = place;
      const known = await bringFacts(row, place);
      const onComplaint = (line: string) => tell.notes.say("warning", line);
      const run = { ...runOf(row, directory, stop, way), onProgress: tell.progress, onComplaint };
      const media = await tool.fetch(run, known);
      if (!("kind" in media)) await describe(of, media.facts);
      else if (known) await forget(row, directory);
      return media;
    });
  }

  /** Does something on a way of its own. What stopped the way is a failure too; everything else is thrown on. */
  async function underWay<T extends object>(
    order: WayOrder,
    signal: AbortSignal,
    work: (way: Way, stop: AbortSignal) => Promise<T | Failure>,
  ): Promise<T | CarriedFailure> {
    const way = await openWay(tools, order);
    if ("kind" in way) return way;
    let end: CarriedFailure | "well" | "unknown" = "unknown";
    try {
      const result = await work(way, AbortSignal.any([signal, way.stopped]));
      if (isFailure(result)) return (end = way.judge(result));
      end = "well";
      return result;
    } catch (error) {
      if (!way.stopped.aborted || signal.aborted) throw error;
      return (end = way.judge(failureOf("downloads/source-away", "retryable")));
    } finally {
      await way.close(end);
    }
  }

  function runOf(
    { url, quality, format, formatId }: Wanted,
    directory: string,
    signal: AbortSignal,
    { env, cookieFile, hear: onSentAway }: Way,
  ) {
    const limits = { maxBytes: settings.maxBytes, cookieFile };
    const wish: MediaWish = { url, quality, format, formatId: formatId ?? undefined, ...limits };
    const timeoutMs = LIMITS.downloadSeconds * 1000;
    return { wish, directory, signal, env, onSentAway, timeoutMs };
  }

  /**
   * Whether the folder knows its source: from a try before, or because somebody has asked a short while ago. A proxy asks
   * for itself: what another one was told is seldom good for it.
   */
  async function bringFacts(row: Download, { directory, leaseId }: Place): Promise<boolean> {
    const file = join(directory, FACTS_FILE);
    if (!leaseId && (await isUsable(file))) return true;
    // Otherwise yt-dlp would leave it as it is.
    await rm(file, { force: true });
    const kept = leaseId ? undefined : await findParse(addressHash(row.url));
    if (!kept?.source) return false;
    await writeFile(file, kept.source);
    return true;
  }

  /** Addresses in what was known may be good no longer, or for whoever asked by another proxy: the next try asks anew. */
  async function forget({ url }: Download, directory: string): Promise<void> {
    await rm(join(directory, FACTS_FILE), { force: true });
    await forgetParse(database, addressHash(url));
  }

  async function describe(of: FetchRef, facts: MediaFacts): Promise<void> {
    const said = {
      title: facts.title.slice(0, 500),
      author: facts.author?.slice(0, 200) ?? null,
      thumbnail: (facts.thumbnail?.length ?? 0) <= 1000 ? facts.thumbnail : null,
      durationMs: facts.durationSeconds === null ? null : Math.round(facts.durationSeconds * 1000),
    };
    for (const { id } of await waitersOf(of)) await changeDownload(database, id, "working", said);
  }

  async function store(
    { id, objectKey }: WantedMedia,
    { file, bytes, extension, facts }: FetchedMedia,
    signal: AbortSignal,
    tell: (heard: Heard) => void,
  ): Promise<StoredMedia | Failure> {
    tell({ kind: "step", name: "storing" });
    // The contract's clients compare it; nobody relies on it alone.
    const md5 = createHash("md5");
    const source = Readable.from(hashing(createReadStream(file), md5), { objectMode: false });
    try {
      const { sha256 } = await objects.put(objectKey, source, { signal });
      const fileName = fileNameOf(facts.title, extension, id);
      return { objectKey, fileName, bytes, md5: md5.digest("hex"), sha256 };
    } catch (error) {
      if (refusalIn(error)?.code !== "platform/storage-full") throw error;
      return failureOf("downloads/disk-full", "retryable");
    }
  }
}

/** What one try comes to. */
type Outcome = StoredMedia | CarriedFailure;

/** What is asked for at an address. */
type Wanted = Pick<Download, "url" | "quality" | "format" | "formatId">;

async function* hashing(chunks: AsyncIterable<Buffer>, hash: ReturnType<typeof createHash>) {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}

/** Whether what a source said is there, whole and not too old: a process that was killed while it wrote left a half. */
async function isUsable(file: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(file);
    JSON.parse(await readFile(file, "utf8"));
    return Date.now() - mtimeMs < LIMITS.parseSeconds * 1000;
  } catch {
    return false;
  }
}

function isFailure(result: object): result is CarriedFailure {
  return "kind" in result;
}

function factsOf({ facts }: MediaParse): MediaFacts {
  return JSON.parse(facts) as MediaFacts;
}

/** Where a try works, and by which lease it goes out. */
type Place = Omit<WayOrder, "url">;

/** What is to be fetched, for whom. */
interface WantedMedia {
  of: FetchRef;
  /** By which its tries are known. */
  id: string;
  /** Says what is wanted. */
  row: Download;
  objectKey: string;
}

async function findWanted(of: FetchRef): Promise<WantedMedia> {
  if ("downloadId" in of) {
    const row = await findRow(of.downloadId);
    return { of, id: row.id, row, objectKey: downloadKey(row) };
  }
  const media = await SharedMedia.findByPk(of.mediaId, { rejectOnEmpty: true });
  const row = await findRow(media.downloadId);
  return { of, id: media.id, row, objectKey: media.objectKey };
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
