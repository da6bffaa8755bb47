import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  Op,
  type Sequelize,
  type Transaction,
} from "sequelize";
import { LIMITS } from "../../domain/limits.ts";
import { flag, moment, secondsAfter, text } from "../columns.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";

/** An object that is being written and that no row points at yet. */
export class StagedObject extends Model<
  InferAttributes<StagedObject>,
  InferCreationAttributes<StagedObject>
> {
  declare key: string;
  /** Its lease ran out and a sweeper is removing it: nobody can adopt it any more. */
  declare sweeping: CreationOptional<boolean>;
  declare leasedUntil: Date;
  declare createdAt: CreationOptional<Date>;
}

/** The lease of a staged object is gone: its bytes may have been removed. */
export class StagedObjectGone extends Error {
  constructor(key: string) {
    super(`the staged object ${key} is gone`);
    this.name = "StagedObjectGone";
  }
}

const leaseEnd = () => secondsAfter(new Date(), LIMITS.stagedLeaseSeconds);

/** Takes a lease on `key` before its first byte is written, or renews it. Throws while a sweeper removes the object. */
export async function stageObject(database: Database, key: string): Promise<void> {
  try {
    await inTransaction(database, (transaction) =>
      StagedObject.create({ key, leasedUntil: leaseEnd() }, { transaction }),
    );
  } catch (error) {
    if (!isTaken(error)) throw error;
    await renewStaged(database, key);
  }
}

/** Keeps the lease for another minute. Throws `StagedObjectGone` when it was lost. */
export async function renewStaged(database: Database, key: string): Promise<void> {
  const [renewed] = await inTransaction(database, (transaction) =>
    StagedObject.update(
      { leasedUntil: leaseEnd() },
      { where: { key, sweeping: false }, transaction },
    ),
  );
  if (renewed !== 1) throw new StagedObjectGone(key);
}

/** Ends the staging in the transaction that makes a row point at the object. Throws `StagedObjectGone`. */
export async function adoptStaged(key: string, transaction: Transaction): Promise<void> {
  const adopted = await StagedObject.destroy({ where: { key, sweeping: false }, transaction });
  if (adopted !== 1) throw new StagedObjectGone(key);
}

/** Keys whose lease has run out, and those that a sweeper left half removed. */
export async function expiredStaged(_database: Database, now = new Date()): Promise<string[]> {
  const rows = await StagedObject.findAll({
    attributes: ["key"],
    where: { leasedUntil: { [Op.lte]: now } },
    order: [["leasedUntil", "ASC"]],
    limit: 1000,
  });
  return rows.map(({ key }) => key);
}

/** True for the one sweeper that may now remove the object; from then on nobody can adopt it. */
export async function claimExpired(
  database: Database,
  key: string,
  now = new Date(),
): Promise<boolean> {
  const [claimed] = await inTransaction(database, (transaction) =>
    StagedObject.update(
      { sweeping: true, leasedUntil: leaseEnd() },
      { where: { key, leasedUntil: { [Op.lte]: now } }, transaction },
    ),
  );
  return claimed === 1;
}

/** Gives a staged object up. True when its bytes may be removed; false when a row points at it, or a sweeper has it. */
export async function abandonStaged(database: Database, key: string): Promise<boolean> {
  const [abandoned] = await inTransaction(database, (transaction) =>
    StagedObject.update({ sweeping: true }, { where: { key, sweeping: false }, transaction }),
  );
  return abandoned === 1;
}

/** Ends the staging of an object that was given up: the writer's own after it removed the bytes, or a sweeper's. */
export async function forgetStaged(database: Database, key: string): Promise<void> {
  await inTransaction(database, (transaction) =>
    StagedObject.destroy({ where: { key }, transaction }),
  );
}

/** Binds the table of this file. */
export function defineStaging(sequelize: Sequelize): void {
  StagedObject.init(
    {
      key: text(500, { primaryKey: true }),
      sweeping: flag({ defaultValue: false }),
      leasedUntil: moment(),
      createdAt: moment(),
    },
    { sequelize, updatedAt: false, tableName: "staged_objects" },
  );
}
