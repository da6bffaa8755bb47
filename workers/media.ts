import { join } from "node:path";
import type { Logger } from "pino";
import type { DownloadTools } from "../activities/downloads/tools.ts";
import { QUEUES } from "../domain/queues.ts";
import type { Database } from "../models/database.ts";
import { unfinishedParts } from "../models/downloads/index.ts";
import { MEDIA_TOOL } from "../models/operations.ts";
import { deriveKey, unseal } from "../platform/crypto.ts";
import { folderBytes } from "../platform/disk.ts";
import { openEgress } from "../platform/egress/index.ts";
import type { Env } from "../platform/env.ts";
import { addressFault } from "../platform/outbound-rules.ts";
import { openPartFolders, type PartFolders } from "../platform/part-folders.ts";
import type { Resources } from "../platform/resources.ts";
import type { Shell } from "../platform/shell.ts";
import { findYtDlp, type MediaTool, NoYtDlp, openMediaTool } from "../platform/yt-dlp/index.ts";
import { openDiskWatch } from "./disk.ts";

/** What a worker fetches media with, and what it says of that. */
export interface Media {
  tools: Omit<DownloadTools, "reportProgress">;
  /** The names of the programs that are there now. */
  found(): string[];
  /** What is wrong, in sentences. */
  warnings(): string[];
  close(): Promise<void>;
}

/**
 * Opens what media is fetched with. Nobody waits for yt-dlp, which may have to be fetched itself: a worker without it
 * does everything else, and looks again.
 */
export async function openMedia(
  env: Env,
  { log, objects, bus, keys }: Pick<Resources, "log" | "objects" | "bus" | "keys">,
  database: Database,
  shell: Shell,
): Promise<Media> {
  const stopping = new AbortController();
  const { measure, ...disk } = await openDiskWatch(env, { database, log });
  const egress = await openEgress(env.OUTBOUND_ALLOW);
  const parts = await openPartFolders(join(env.dataFolder, "parts"), join(env.dataFolder, "run"));
  const columnKey = deriveKey(keys.secretKey, "columns");
  const serves = env.WORKER_QUEUES.includes(QUEUES.download);
  const search = serves ? searchTool(env, { log, shell, signal: stopping.signal }) : NO_TOOL;
  if (serves) await removeLeftovers(parts, stopping.signal);

  return {
    tools: {
      database,
      objects,
      bus,
      egress,
      faultOf: (address) => addressFault(address, env.OUTBOUND_ALLOW),
      parts,
      disk: { measure, bytesIn: folderBytes, limitPercent: env.DISK_LIMIT_PERCENT },
      mediaTool: search.tool,
      withScratch: (name, body) => shell.withScratch(name, body),
      unseal: (sealed, place) => unseal(columnKey, sealed, place),
      downloadSettings: settingsOf(env),
    },
    found: () => (search.tool() ? [MEDIA_TOOL] : []),
    warnings: () => [...search.warnings(), ...disk.warnings()],
    async close() {
      stopping.abort();
      disk.close();
      await search.close();
      await egress.close();
    },
  };
}

/** yt-dlp, once it was found. */
interface ToolSearch {
  tool: () => MediaTool | undefined;
  warnings: () => string[];
  close: () => Promise<void>;
}

const NO_TOOL: ToolSearch = {
  tool: () => undefined,
  warnings: () => [],
  close: () => Promise.resolve(),
};

/** What was not to be had may be there after a while: the network comes back, somebody installs it. */
const LOOK_AGAIN_MS = 300_000;

function searchTool(
  env: Env,
  { log, shell, signal }: { log: Logger; shell: Shell; signal: AbortSignal },
): ToolSearch {
  let tool: MediaTool | undefined;
  let warnings: string[] = [];
  const look = async () => {
    try {
      const search = { configured: env.YT_DLP, shell, cacheFolder: env.LONGHAUL_CACHE };
      const program = await findYtDlp({ ...search, machine: env.machineVariables, signal });
      tool = openMediaTool({ program, shell });
      warnings = (await shell.find("ffmpeg")) ? [] : [WITHOUT_FFMPEG];
      const { version, route } = program;
      log.info({ version, route }, "yt-dlp is ready");
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof NoYtDlp)) throw error;
      warnings = [`Nothing can be downloaded: ${error.message}.`];
      log.warn({ tried: error.tried }, "yt-dlp was not found");
    }
  };
  const attempt = () =>
    look().catch((error: unknown) => log.warn({ err: error }, "yt-dlp could not be looked for"));
  const looking = attempt();
  const again = setInterval(() => {
    if (!tool) void attempt();
  }, LOOK_AGAIN_MS);
  return {
    tool: () => tool,
    warnings: () => warnings,
    async close() {
      clearInterval(again);
      await looking;
    },
  };
}

function settingsOf(env: Env): DownloadTools["downloadSettings"] {
  return {
    quickTtlSeconds: env.DOWNLOAD_QUICK_TTL,
    maxBytes: env.DOWNLOAD_MAX_BYTES,
    retryPausesSeconds: env.DOWNLOAD_RETRY_PAUSES,
    isCharged: env.DOWNLOAD_BILLING,
    dailyQuota: env.DOWNLOAD_BILLING ? undefined : env.DOWNLOAD_DAILY_QUOTA,
  };
}

const WITHOUT_FFMPEG =
  "Picture and sound that come apart cannot be put together: install the Debian package ffmpeg.";

/** Of downloads that have ended elsewhere while this machine was away. */
async function removeLeftovers(parts: PartFolders, signal: AbortSignal): Promise<void> {
  const names = await parts.list();
  const unfinished = await unfinishedParts(names);
  for (const name of names) if (!unfinished.has(name)) await parts.remove(name, signal);
}
