import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MockActivityEnvironment } from "@temporalio/testing";
import { onTestFinished } from "vitest";
import { createDownloadActivities, type StoredMedia } from "../../activities/downloads/index.ts";
import type { DownloadTools } from "../../activities/downloads/tools.ts";
import type { TaskProgress } from "../../domain/feeds.ts";
import type { Download } from "../../models/downloads/index.ts";
import { FeedFrame } from "../../models/feeds/index.ts";
import { openLocalBus } from "../../platform/bus.ts";
import { sha256 } from "../../platform/crypto.ts";
import { folderBytes } from "../../platform/disk.ts";
import { openEgress } from "../../platform/egress/index.ts";
import { openObjectStore } from "../../platform/objects/index.ts";
import { addressFault, readOpenedHost } from "../../platform/outbound-rules.ts";
import { openPartFolders } from "../../platform/part-folders.ts";
import { openTestDatabase } from "./database.ts";
import { provideMediaTool } from "./services/yt-dlp.ts";
import { type MediaServer, startMediaServer } from "./stand-ins/media-server.ts";

/** Where media is fetched in tests: a folder, yt-dlp itself, and two sources, one of which is nobody's business. */
export interface MediaPlace {
  folder: string;
  media: Awaited<ReturnType<typeof provideMediaTool>>;
  source: MediaServer;
  inside: MediaServer;
  close(): Promise<void>;
}

/** Opens a place to fetch media in; whoever does so closes it. */
export async function openMediaPlace(): Promise<MediaPlace> {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-media-"));
  const [source, inside] = [await startMediaServer(), await startMediaServer()];
  const media = await provideMediaTool(folder);
  const close = async () => {
    await Promise.all([source.close(), inside.close()]);
    await rm(folder, { recursive: true, force: true });
  };
  return { folder, media, source, inside, close };
}

/** What a worker is started with; it may fetch from what is `opened`, and from nothing else that is private. */
export interface MediaWorkerGiven extends Pick<MediaPlace, "folder" | "media"> {
  opened: readonly string[];
  maxBytes?: number | undefined;
  capacityBytes?: number | undefined;
}

/** The activities of downloads with everything that they need, and yt-dlp itself. */
export async function startMediaWorker(given: MediaWorkerGiven) {
  const { folder, media, maxBytes = 10_000_000, capacityBytes = 1_000_000_000 } = given;
  const opened = given.opened.map((host) => readOpenedHost(host)!);
  const database = await openTestDatabase();
  const egress = await openEgress(opened);
  onTestFinished(() => egress.close());
  const bus = openLocalBus({ on: () => undefined, off: () => undefined });
  const reports: TaskProgress[] = [];
  const own = await mkdtemp(join(folder, "worker-"));
  const tools: DownloadTools = {
    database,
    bus,
    egress,
    faultOf: (address) => addressFault(address, opened),
    reportProgress: (progress) => reports.push(progress),
    objects: await openObjectStore({ s3: undefined, folder: join(own, "objects") }),
    parts: await openPartFolders(join(own, "parts"), join(folder, "run")),
    disk: {
      measure: async () => ({ id: sha256(own), name: "machine", capacityBytes, usedBytes: 0 }),
      bytesIn: folderBytes,
      limitPercent: 90,
    },
    mediaTool: () => media.tool,
    withScratch: (name, body) => media.shell.withScratch(name, body),
    unseal: (sealed) => sealed,
    downloadSettings: {
      quickTtlSeconds: 60,
      maxBytes,
      retryPausesSeconds: [],
      isCharged: false,
      dailyQuota: 2,
    },
  };
  const activities = createDownloadActivities(tools);
  const fetch = ({ id: downloadId }: Download): Promise<StoredMedia> =>
    new MockActivityEnvironment().run(() => activities.fetchMedia({ downloadId, attempt: 1 }));
  return { tools, activities, fetch, reports };
}

/** The lines of its log that were told to whoever ordered a download. */
export async function logOf({ accountId, id }: Download): Promise<unknown[]> {
  const where = { accountId, taskId: id, event: "task:log" };
  const frames = await FeedFrame.findAll({ where, order: ["seq"] });
  return frames.map(({ body }) => (JSON.parse(body) as { message: string }).message);
}
