import { Download } from "../../models/downloads/index.ts";
import { newId } from "../../platform/crypto.ts";
import { type ApiGiven, startApi } from "./api.ts";
import { reportWorker } from "../../models/operations.ts";
import { ADMIN } from "./actors.ts";

let lastSerial = 100_000;

/** A row of somebody's history. */
export async function makeDownload(given: Partial<Download> = {}): Promise<Download> {
  const wanted = {
    mode: "quick_download",
    quality: "best",
    format: "mp4",
    formatId: null,
  } as const;
  return Download.create({
    id: newId(),
    serial: ++lastSerial,
    accountId: ADMIN.accountId,
    url: "https://media.example/clip.mp4",
    platform: "generic",
    ...wanted,
    ...given,
  });
}

/** An API beside a worker that can fetch media; `source.test` may be fetched from. */
export async function startWithFetcher(given: ApiGiven = {}) {
  const env = { OUTBOUND_ALLOW: "source.test", DISK_LIMIT_PERCENT: "100", ...given.env };
  const api = await startApi({ ...given, env });
  await reportWorker(api.services.database, {
    id: "worker",
    queues: ["download"],
    buildsApks: false,
    warnings: [],
    tools: ["yt-dlp"],
  });
  return api;
}
