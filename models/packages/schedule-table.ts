import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from "sequelize";
import { count, flag, id, longText, moment, text, times } from "../columns.ts";

/** At which intervals a package is built again. What Temporal keeps of it follows this row. */
export class PackageSchedule extends Model<
  InferAttributes<PackageSchedule>,
  InferCreationAttributes<PackageSchedule>
> {
  declare packageId: string;
  /** Whose live version is built again. */
  declare channel: string;
  declare intervalSeconds: number;
  /** All ticks lie whole intervals from here. */
  declare anchoredAt: Date;
  declare isPaused: boolean;
  /** Who has set it last, in whose name it orders. */
  declare setById: string;
  declare setBy: string;
  /** The tick that came last; it is also the id of the run that it ordered. */
  declare lastTickId: CreationOptional<string | null>;
  declare lastTickAt: CreationOptional<Date | null>;
  declare lastRunId: CreationOptional<string | null>;
  /** Why the last tick ordered nothing; null when it did. */
  declare lastSkipReason: CreationOptional<string | null>;
  declare skippedTicks: CreationOptional<number>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** Defines the table of schedules on a connection. */
export function defineSchedules(sequelize: Sequelize): void {
  PackageSchedule.init(
    {
      packageId: id({ primaryKey: true }),
      channel: text(20),
      intervalSeconds: count(),
      anchoredAt: moment(),
      isPaused: flag(),
      setById: id(),
      setBy: text(255),
      lastTickId: id({ allowNull: true }),
      lastTickAt: moment({ allowNull: true }),
      lastRunId: id({ allowNull: true }),
      lastSkipReason: longText({ allowNull: true }),
      skippedTicks: count({ defaultValue: 0 }),
      ...times(),
    },
    { sequelize, tableName: "package_schedules" },
  );
}
