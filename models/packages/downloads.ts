import { literal, Op, type Transaction } from "sequelize";
import { type Database, inTransaction, isTaken } from "../database.ts";
import { PackageDownload } from "./tables.ts";

/** One whole download: of which version, of how many bytes. */
export interface Download {
  packageId: string;
  version: string;
  channel: string;
  bytes: number;
}

/** Counts downloads per version and day. */
export interface DownloadCounter {
  /** Resolves when the download stands in the database, under this day in UTC; -1 takes one back. */
  count: (download: Download, times?: 1 | -1) => Promise<void>;
}

interface Tally extends Download {
  day: string;
  times: number;
}

/**
 * A counter for all downloads of a process. What ends while one transaction is under way shares the next: a crowd
 * costs as many transactions as fit one after the other, and nobody waits for a timer.
 */
export function openDownloadCounter(database: Database): DownloadCounter {
  const waiting = new Map<string, Tally>();
  let current: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;

  const write = async () => {
    current = next!;
    next = undefined;
    // Always in the same order, so that two processes never wait for each other.
    const tallies = [...waiting].sort(([a], [b]) => (a < b ? -1 : 1));
    waiting.clear();
    await inTransaction(database, async (transaction) => {
      for (const [, tally] of tallies) await addTally(tally, transaction);
    });
  };

  return {
    count(download, times = 1) {
      const { packageId, version, channel } = download;
      const day = dayOf(new Date());
      const key = [packageId, day, version, channel].join("\n");
      const tally = waiting.get(key) ?? { ...download, day, times: 0 };
      waiting.set(key, { ...tally, times: tally.times + times });
      next ??= current.then(write, write);
      return next;
    },
  };
}

/** `2026-11-21`: the day of a moment in UTC. */
export function dayOf(moment: Date): string {
  return moment.toISOString().slice(0, 10);
}

/** The counts of a package from one day to another, both included, oldest first. */
export function readDownloads(
  packageId: string,
  { from, to }: { from: string; to: string },
): Promise<PackageDownload[]> {
  return PackageDownload.findAll({
    where: { packageId, day: { [Op.between]: [from, to] } },
    order: [
      ["day", "ASC"],
      ["version", "ASC"],
      ["channel", "ASC"],
    ],
  });
}

async function addTally(tally: Tally, transaction: Transaction): Promise<void> {
  if (tally.times === 0 || (await increase(tally, transaction))) return;
  const { times, bytes, ...where } = tally;
  try {
    const row = { ...where, downloads: times, bytes: times * bytes };
    await PackageDownload.create(row, { transaction });
  } catch (error) {
    if (!isTaken(error)) throw error;
    await increase(tally, transaction);
  }
}

/** False when nothing was counted there yet. */
async function increase(
  { times, bytes, ...where }: Tally,
  transaction: Transaction,
): Promise<boolean> {
  const more = {
    downloads: literal(`downloads + ${times}`),
    bytes: literal(`bytes + ${times * bytes}`),
  };
  const [counted] = await PackageDownload.update(more, { where, transaction });
  return counted > 0;
}
