import { createHash } from "node:crypto";
import { Op } from "sequelize";
import { withoutTracking } from "../../domain/downloads.ts";
import { LIMITS } from "../../domain/limits.ts";
import { secondsAfter } from "../columns.ts";
import { type Database, inTransaction } from "../database.ts";
import { DownloadTicket, MediaParse } from "./tables.ts";

/** By what an address is known, without what only tracks people: sha256 in hex. */
export function addressHash(address: string): string {
  return createHash("sha256").update(withoutTracking(address)).digest("hex");
}

/** What an address is sealed for that is only asked about. */
export function parsePlace(hash: string): string {
  return `media_parses/${hash}`;
}

/** What a source has said within the last hour; undefined when nobody has asked it. */
export async function findParse(addressHash: string): Promise<MediaParse | undefined> {
  const fresh = { addressHash, expiresAt: { [Op.gt]: new Date() } };
  return (await MediaParse.findOne({ where: fresh })) ?? undefined;
}

/** Forgets what a source has said: it was good for nothing. */
export async function forgetParse(database: Database, addressHash: string): Promise<void> {
  await inTransaction(database, (transaction) =>
    MediaParse.destroy({ where: { addressHash }, transaction }),
  );
}

/** Keeps what a source has said, for an hour. */
export async function keepParse(
  database: Database,
  parse: Pick<MediaParse, "addressHash" | "facts" | "source" | "toolVersion">,
): Promise<void> {
  const expiresAt = secondsAfter(new Date(), LIMITS.parseSeconds);
  await inTransaction(database, (transaction) =>
    MediaParse.upsert({ ...parse, expiresAt }, { transaction }),
  );
}

/** Keeps a ticket, by its hash. */
export async function keepTicket(
  database: Database,
  ticket: Pick<DownloadTicket, "hash" | "downloadId" | "accountId">,
): Promise<void> {
  const expiresAt = secondsAfter(new Date(), LIMITS.fileTicketSeconds);
  await inTransaction(database, (transaction) =>
    DownloadTicket.create({ ...ticket, expiresAt }, { transaction }),
  );
}

/** What a ticket is for, and until when. */
type UsableTicket = Pick<DownloadTicket, "hash" | "downloadId" | "accountId" | "expiresAt">;

/** Makes a used ticket good again, to its end: nothing came of it. */
export async function giveTicketBack(
  database: Database,
  { hash, downloadId, accountId, expiresAt }: UsableTicket,
): Promise<void> {
  const ticket = { hash, downloadId, accountId, expiresAt };
  await inTransaction(database, (transaction) => DownloadTicket.create(ticket, { transaction }));
}

/** Whose ticket it is, and for what; undefined when it is none, or no longer. */
export async function findTicket(hash: string): Promise<UsableTicket | undefined> {
  const where = { hash, expiresAt: { [Op.gt]: new Date() } };
  return (await DownloadTicket.findOne({ where })) ?? undefined;
}

/** Uses a ticket up: of any number of callers one gets it. Undefined when it is none, or no longer. */
export async function useTicket(
  database: Database,
  hash: string,
): Promise<UsableTicket | undefined> {
  return inTransaction(database, async (transaction) => {
    const where = { hash, expiresAt: { [Op.gt]: new Date() } };
    const ticket = await DownloadTicket.findOne({ where, transaction });
    const used = ticket && (await DownloadTicket.destroy({ where, transaction }));
    return used === 1 ? ticket! : undefined;
  });
}

/** Forgets what sources have said too long ago, and tickets that are good no more. */
export async function forgetParses(database: Database, now = new Date()): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const where = { expiresAt: { [Op.lte]: now } };
    await MediaParse.destroy({ where, transaction });
    await DownloadTicket.destroy({ where, transaction });
  });
}
