import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from "sequelize";
import { bytes, digest, id, moment, text } from "../columns.ts";

/** A disk that workers write to, as one of them has last seen it. */
export class Disk extends Model<InferAttributes<Disk>, InferCreationAttributes<Disk>> {
  /** Of the file system, told by its machine. */
  declare id: string;
  /** For people: a machine, and a folder on it. */
  declare name: string;
  declare capacityBytes: number;
  declare usedBytes: number;
  /** What all leases of it come to. */
  declare leasedBytes: CreationOptional<number>;
  /** Since when it is known to be filling up. */
  declare warnedAt: CreationOptional<Date | null>;
  declare seenAt: Date;
}

/** Room on a disk that somebody may fill and nobody else: what is written of it stays leased until its end. */
export class DiskLease extends Model<
  InferAttributes<DiskLease>,
  InferCreationAttributes<DiskLease>
> {
  /** The download. */
  declare holder: string;
  declare disk: string;
  declare bytes: number;
  /** Good until then; its holder moves it on for as long as they live. */
  declare endsAt: Date;
  declare createdAt: CreationOptional<Date>;
}

/** Binds this domain's tables. */
export function defineDisks(sequelize: Sequelize): void {
  Disk.init(
    {
      id: digest({ primaryKey: true }),
      name: text(300),
      capacityBytes: bytes(),
      usedBytes: bytes(),
      leasedBytes: bytes({ defaultValue: 0 }),
      warnedAt: moment({ allowNull: true }),
      seenAt: moment(),
    },
    { sequelize, timestamps: false, tableName: "disks" },
  );
  DiskLease.init(
    {
      holder: id({ primaryKey: true }),
      disk: digest(),
      bytes: bytes(),
      endsAt: moment(),
      createdAt: moment(),
    },
    { sequelize, updatedAt: false, tableName: "disk_leases" },
  );
}
