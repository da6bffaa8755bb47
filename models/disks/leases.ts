import { literal, Op, type Transaction, type WhereOptions } from "sequelize";
import { secondsAfter } from "../columns.ts";
import { type Database, inTransaction } from "../database.ts";
import { Disk, DiskLease } from "./tables.ts";

/** Who wants how much of which disk. */
interface RoomOrder {
  holder: string;
  disk: string;
  bytes: number;
  /** What all leases of the disk may come to now: what is free of it below its limit. */
  roomBytes: number;
  /** For so long without a word of the holder's. */
  seconds: number;
}

/**
 * Leases room on a disk; a lease that its holder has becomes this one, on whichever disk it was. False when there is not
 * enough: then nothing changes, and an earlier lease stays. The disk must be known.
 */
export async function leaseRoom(database: Database, order: RoomOrder): Promise<boolean> {
  const { holder, disk, bytes, seconds } = order;
  return inTransaction(database, async (transaction) => {
    const lock = transaction.LOCK.UPDATE;
    const before = await DiskLease.findByPk(holder, { lock, transaction });
    const more = before?.disk === disk ? bytes - before.bytes : bytes;
    if (!(await grow(order, more, transaction))) return false;
    if (before && before.disk !== disk) await shrink(before, transaction);
    const endsAt = secondsAfter(new Date(), seconds);
    if (before) await before.update({ disk, bytes, endsAt }, { transaction });
    else await DiskLease.create({ holder, disk, bytes, endsAt }, { transaction });
    return true;
  });
}

/** One conditional update: of those who want the last room one gets it. Less than before is always right. */
async function grow(
  { disk, roomBytes }: RoomOrder,
  more: number,
  transaction: Transaction,
): Promise<boolean> {
  const [grown] = await Disk.update(
    { leasedBytes: literal(`leased_bytes + ${Math.trunc(more)}`) },
    {
      where: {
        id: disk,
        ...(more > 0 && { leasedBytes: { [Op.lte]: Math.trunc(roomBytes - more) } }),
      },
      transaction,
    },
  );
  return grown === 1;
}

async function shrink({ disk, bytes }: DiskLease, transaction: Transaction): Promise<void> {
  const leasedBytes = literal(`leased_bytes - ${Math.trunc(bytes)}`);
  await Disk.update({ leasedBytes }, { where: { id: disk }, transaction });
}

/** Gives back what somebody has leased. Twice is harmless. */
export async function endRoomLease(database: Database, holder: string): Promise<void> {
  await inTransaction(database, (transaction) => end({ holder }, transaction));
}

async function end(where: WhereOptions, transaction: Transaction): Promise<void> {
  const lease = await DiskLease.findOne({ where, lock: transaction.LOCK.UPDATE, transaction });
  if (!lease) return;
  await lease.destroy({ transaction });
  await shrink(lease, transaction);
}

const END_AT_ONCE = 100;

/** Ends leases whose holders have said nothing for too long: whoever held them was killed. Answers how many. */
export async function endOverdueRoom(database: Database, now: Date): Promise<number> {
  const overdue = await DiskLease.findAll({
    attributes: ["holder"],
    where: { endsAt: { [Op.lt]: now } },
    limit: END_AT_ONCE,
  });
  for (const { holder } of overdue) {
    await inTransaction(database, (transaction) =>
      end({ holder, endsAt: { [Op.lt]: now } }, transaction),
    );
  }
  return overdue.length;
}
