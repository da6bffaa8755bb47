import { Op, type Transaction } from "sequelize";
import { v7 as newId } from "uuid";
import { type DiskSpace, judgeFilling, usedPercent } from "../../domain/disks.ts";
import { secondsAfter } from "../columns.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";
import { emit } from "../webhooks/index.ts";
import { tellFilling } from "./notices.ts";
import { Disk, DiskLease } from "./tables.ts";

/** A disk as a worker sees it now. */
export type SeenDisk = DiskSpace & Pick<Disk, "id" | "name">;

/** Writes down how a disk is now. */
export async function noteDisk(database: Database, seen: SeenDisk): Promise<void> {
  try {
    await inTransaction(database, (transaction) => note(seen, transaction));
  } catch (error) {
    // Another worker has seen it first.
    if (!isTaken(error)) throw error;
  }
}

async function note({ id, ...seen }: SeenDisk, transaction: Transaction): Promise<void> {
  const { name, capacityBytes, usedBytes } = seen;
  const now = { name: name.slice(0, 300), capacityBytes, usedBytes, seenAt: new Date() };
  const [known] = await Disk.update(now, { where: { id }, transaction });
  if (known === 0) await Disk.create({ id, ...now }, { transaction });
}

/**
 * Writes down how a disk is now, and tells webhooks and people once when it fills up. It is news again after it was
 * clearly below the mark. True when they were told.
 */
export async function watchDisk(
  database: Database,
  seen: SeenDisk,
  warningPercent: number,
): Promise<boolean> {
  await noteDisk(database, seen);
  const verdict = judgeFilling(usedPercent(seen), warningPercent);
  if (verdict === "as it was") return false;
  const { id } = seen;
  return inTransaction(database, async (transaction) => {
    const isFilling = verdict === "filling";
    const [turned] = await Disk.update(
      { warnedAt: isFilling ? new Date() : null },
      { where: { id, warnedAt: { [isFilling ? Op.is : Op.not]: null } }, transaction },
    );
    if (turned === 0 || !isFilling) return false;
    const data = {
      disk: seen.name,
      used_percent: Math.round(usedPercent(seen) * 10) / 10,
      used_bytes: seen.usedBytes,
      capacity_bytes: seen.capacityBytes,
    };
    await emit({ id: newId(), type: "disk.filling", data }, transaction);
    await tellFilling(seen, transaction);
    return true;
  });
}

const RECENT_SECONDS = 60;

/** The disks that were there a moment ago, by their names. */
export async function knownDisks(now = new Date()): Promise<Disk[]> {
  const seenAt = { [Op.gt]: secondsAfter(now, -RECENT_SECONDS) };
  return Disk.findAll({ where: { seenAt }, order: [["name", "ASC"]] });
}

/** Forgets disks that nobody has seen since then, and that nobody has leased. */
export async function forgetDisks(database: Database, before: Date): Promise<void> {
  const gone = await Disk.findAll({ where: { seenAt: { [Op.lt]: before } } });
  for (const { id } of gone) {
    await inTransaction(database, async (transaction) => {
      if ((await DiskLease.count({ where: { disk: id }, transaction })) > 0) return;
      await Disk.destroy({ where: { id, seenAt: { [Op.lt]: before } }, transaction });
    });
  }
}
