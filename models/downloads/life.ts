import { col, fn, literal, type Transaction } from "sequelize";
import { v7 as newId } from "uuid";
import { type DownloadState, partsFolder, partsOwner, type Wait } from "../../domain/downloads.ts";
import type { Failure } from "../../domain/downloads/failures.ts";
import type { Progress } from "../../domain/downloads/progress.ts";
import type { OutwardEventName } from "../../domain/webhooks.ts";
import { type Database, inTransaction } from "../database.ts";
import { emit } from "../webhooks/index.ts";
import { Download, DownloadAttempt, SharedMedia } from "./tables.ts";
import { concernedBy, noteDownload, tellDownload } from "./tasks.ts";

/** What changes with a state. */
type Change = Partial<
  Pick<
    Download,
    | "waitingFor"
    | "nextTryAt"
    | "errorCode"
    | "error"
    | "progress"
    | "title"
    | "author"
    | "thumbnail"
    | "durationMs"
    | "objectKey"
    | "fileName"
    | "bytes"
    | "md5"
    | "sha256"
    | "holdId"
    | "priceVersion"
    | "startedAt"
    | "completedAt"
    | "expireAt"
  >
>;

const TOLD: Readonly<Partial<Record<DownloadState, OutwardEventName & `download.${string}`>>> = {
  kept: "download.kept",
  failed: "download.failed",
  ready: "download.ready",
  expired: "download.expired",
};

/**
 * Moves a download from one of these states to another one, with what changes with it, and tells its orderer and the
 * outside. Undefined when it stands elsewhere: then nothing changes. The same move again changes nothing either, and
 * answers the row.
 */
export async function moveDownload(
  database: Database,
  id: string,
  { from, to }: { from: readonly DownloadState[]; to: DownloadState },
  change: Change = {},
): Promise<Download | undefined> {
  return inTransaction(database, async (transaction) => {
    const [moved] = await Download.update(
      { ...change, state: to, version: literal("version + 1") },
      { where: { id, state: [...from] }, transaction },
    );
    const row = await Download.findByPk(id, { transaction });
    if (moved === 1 && row && !row.deletedAt) {
      await tell(row, transaction);
      await tellDownload(row, transaction);
    }
    return row?.state === to ? row : undefined;
  });
}

async function tell(row: Download, transaction: Transaction): Promise<void> {
  const type = TOLD[row.state as DownloadState];
  if (!type) return;
  const data = {
    download: row.id,
    history: row.serial,
    kind: row.kind,
    status: row.state,
    error: row.errorCode,
    bytes: row.bytes,
    expire_at: row.expireAt?.toISOString() ?? null,
  };
  await emit({ id: newId(), type, data }, transaction);
}

/** Changes what is said of a download that is in this state still; undefined when it is not. */
export async function changeDownload(
  database: Database,
  id: string,
  state: DownloadState,
  change: Change,
): Promise<Download | undefined> {
  return inTransaction(database, (transaction) => changeIn(transaction, id, state, change));
}

async function changeIn(
  transaction: Transaction,
  id: string,
  state: DownloadState,
  change: Change,
): Promise<Download | undefined> {
  await Download.update(
    { ...change, version: literal("version + 1") },
    { where: { id, state }, transaction },
  );
  const row = await Download.findByPk(id, { transaction });
  return row?.state === state ? row : undefined;
}

/** Says what a working download waits for, and tells its orderer. */
export async function noteWait(
  database: Database,
  id: string,
  waitingFor: Wait | null,
  nextTryAt: Date | null,
): Promise<Download | undefined> {
  return inTransaction(database, async (transaction) => {
    const row = await changeIn(transaction, id, "working", { waitingFor, nextTryAt });
    if (row && !row.deletedAt) await tellDownload(row, transaction);
    return row;
  });
}

/** Writes down how far a download is: no change of what it is. */
export async function noteProgress(
  database: Database,
  id: string,
  progress: Progress,
): Promise<void> {
  await inTransaction(database, (transaction) =>
    Download.update({ progress }, { where: { id, state: "working" }, transaction }),
  );
}

/** What is written down of a try for which no tool was run. */
const NO_TOOL = "none";

/**
 * Writes a try down; one that was begun before and was cut short goes on. `version`: null when it ended before a
 * tool was run.
 */
export async function beginAttempt(
  database: Database,
  { downloadId, number }: Pick<DownloadAttempt, "downloadId" | "number">,
  version: string | null,
): Promise<void> {
  const toolVersion = version ?? NO_TOOL;
  await inTransaction(database, async (transaction) => {
    const startedAt = new Date();
    const [, begun] = await DownloadAttempt.findOrCreate({
      where: { downloadId, number },
      defaults: { downloadId, number, toolVersion, startedAt },
      transaction,
    });
    if (!begun) {
      const where = { downloadId, number };
      await DownloadAttempt.update({ toolVersion }, { where, transaction });
    }
    await Download.update({ attempts: number }, { where: concernedBy(downloadId), transaction });
    if (version === null) return;
    const message = `Try ${number} ${begun ? "begins" : "goes on"}, with yt-dlp ${version}.`;
    await noteDownload(downloadId, { level: "info", message }, transaction);
  });
}

/** Writes down how a try ended; `done` says in its log what came of one that went well. */
export async function endAttempt(
  database: Database,
  { downloadId, number }: Pick<DownloadAttempt, "downloadId" | "number">,
  failure: Failure | undefined,
  done = "has fetched and stored the file",
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await DownloadAttempt.update(
      {
        endedAt: new Date(),
        failureClass: failure?.kind ?? null,
        errorCode: failure?.code ?? null,
        error: failure?.message.slice(0, 500) ?? null,
      },
      { where: { downloadId, number }, transaction },
    );
    const said = failure
      ? ({ level: "warning", message: `Try ${number} failed: ${failure.message}` } as const)
      : ({ level: "info", message: `Try ${number} ${done}.` } as const);
    await noteDownload(downloadId, said, transaction);
  });
}

/** Of these folders of parts, those whose media is unfinished. */
export async function unfinishedParts(folders: readonly string[]): Promise<Set<string>> {
  const owners = folders.map(partsOwner);
  const ids = owners.flatMap((of) => ("downloadId" in of ? [of.downloadId] : []));
  const shared = owners.flatMap((of) => ("mediaId" in of ? [of.mediaId] : []));
  const attributes = ["id"];
  const rows = await Download.findAll({
    attributes,
    where: { id: ids, state: ["queued", "working"] },
  });
  const media = await SharedMedia.findAll({ attributes, where: { id: shared, state: "fetching" } });
  return new Set([
    ...rows.map(({ id: downloadId }) => partsFolder({ downloadId })),
    ...media.map(({ id: mediaId }) => partsFolder({ mediaId })),
  ]);
}

/** How many downloads are not over, by what they wait for. */
export async function countUnderWay(): Promise<{ waitingFor: Wait | null; count: number }[]> {
  const rows = await Download.findAll({
    attributes: ["waitingFor", [fn("COUNT", col("id")), "count"]],
    where: { state: ["queued", "working"], kind: "media" },
    group: ["waitingFor"],
    raw: true,
  });
  return rows as unknown as { waitingFor: Wait | null; count: number }[];
}
