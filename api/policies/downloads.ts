import type { Actor } from "../../domain/accounts.ts";
import { usedPercent } from "../../domain/disks.ts";
import { FILED_STATES, SUCCESS_STATES } from "../../domain/downloads.ts";
import { refusal } from "../../domain/errors.ts";
import { Account } from "../../models/accounts.ts";
import { freeBalance, quote } from "../../models/billing/index.ts";
import { knownDisks } from "../../models/disks/index.ts";
import { Download } from "../../models/downloads/index.ts";
import { mediaFetcherExists } from "../../models/operations.ts";
import { measureDisk } from "../../platform/disk.ts";
import { OutboundRefused } from "../../platform/outbound-rules.ts";
import type { Services } from "../services.ts";

/** The actor's download of this number. A stranger's looks the same as one that never was. */
export async function findDownload(actor: Actor, serial: number): Promise<Download> {
  const where = { serial, accountId: actor.accountId, deletedAt: null };
  const row = await Download.findOne({ where });
  if (!row) throw refusal("downloads/not-found", "记录不存在");
  return row;
}

/**
 * A download whose file may be fetched by this account now. What is not there, not finished, over, or somebody else's is
 * refused in one way.
 */
export async function findFile(
  accountId: string,
  which: { serial: number } | { id: string },
): Promise<Download & { objectKey: string; sha256: string; fileName: string }> {
  const where = { ...which, accountId, deletedAt: null };
  const row = await Download.findOne({ where });
  const isThere = row?.objectKey && FILED_STATES.some((state) => state === row.state);
  const isOver = row?.expireAt && row.expireAt <= new Date();
  if (!row || !isThere || isOver) throw fileRefused();
  return row as Download & { objectKey: string; sha256: string; fileName: string };
}

/** The one "no" of whatever leads to files. */
export function fileRefused() {
  return refusal("downloads/file-refused", "permission denied or file not found");
}

/** Whether somebody may still do what they could when they were given a ticket. */
export async function isActive(accountId: string): Promise<boolean> {
  const where = { id: accountId, isActive: true };
  return (await Account.findOne({ attributes: ["id"], where })) !== null;
}

/** Refuses addresses that nothing is fetched from, before anything is: by their form, or by where they lead now. */
export async function assertAddress({ outbound }: Services, address: string): Promise<URL> {
  try {
    await outbound.check(address);
    return new URL(address);
  } catch (error) {
    if (!(error instanceof OutboundRefused)) throw error;
    throw refusal("downloads/address-refused", `invalid URL: ${error.message}`);
  }
}

/** Refuses while nobody could fetch anything, so that nothing is promised. */
export async function assertFetching(): Promise<void> {
  if (await mediaFetcherExists()) return;
  throw refusal(
    "downloads/tool-missing",
    "There is no yt-dlp here, or not yet: /ready says why. Try again later.",
    { headers: { "Retry-After": "30" } },
  );
}

/** Refuses while there is no room for more: here, or wherever workers fetch it to. */
export async function assertRoom({ env }: Services): Promise<void> {
  const limit = env.DISK_LIMIT_PERCENT;
  const theirs = await knownDisks();
  const hasRoom = theirs.length === 0 || theirs.some((disk) => usedPercent(disk) < limit);
  if (hasRoom && usedPercent(await measureDisk(env.dataFolder)) < limit) return;
  throw refusal(
    "downloads/disk-full",
    "There is no room for more downloads now. Try again later.",
    { headers: { "Retry-After": "60" } },
  );
}

/**
 * Refuses whoever could not pay for so many bytes, or, where nobody knows how many are wanted (null), for the least that
 * is charged. Nothing is held before a worker has asked the source.
 */
export async function assertFunds(
  { env }: Services,
  accountId: string,
  bytes: number | null,
): Promise<void> {
  if (!env.DOWNLOAD_BILLING) return;
  const { amountFen } = await quote({ bytesIn: bytes ?? 1 });
  if ((await freeBalance(accountId)) >= amountFen) return;
  throw refusal("downloads/insufficient-balance", "余额不足");
}

/** How many downloads an account may order a day; undefined where the balance decides. */
export function quotaOf({ env }: Pick<Services, "env">): number | undefined {
  return env.DOWNLOAD_BILLING ? undefined : env.DOWNLOAD_DAILY_QUOTA;
}

/** Whether a download has been fetched, whatever has become of its file. */
export function hasSucceeded(state: Download["state"]): boolean {
  return SUCCESS_STATES.some((one) => one === state);
}
