import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from "sequelize";
import { GATE_REASONS, type GateReason } from "../../domain/gates.ts";
import { count, id, moment, serial, state, text, times } from "../columns.ts";

/** What stands before a host or a platform, so that it is not asked more than it bears. */
export class Gate extends Model<InferAttributes<Gate>, InferCreationAttributes<Gate>> {
  /** `host:<name>` or `platform:<name>`. */
  declare key: string;
  /** What an operator wants instead of what is usual. */
  declare places: CreationOptional<number | null>;
  declare ratePoints: CreationOptional<number | null>;
  declare rateSeconds: CreationOptional<number | null>;
  declare closedUntil: CreationOptional<Date | null>;
  /** Why it is closed, for people. */
  declare reason: CreationOptional<string | null>;
  /** How often in a row its host has sent us away. */
  declare strikes: CreationOptional<number>;
  /** Epoch milliseconds: by when those who passed will have used up the rate. */
  declare usedUntil: CreationOptional<number>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** Somebody behind a gate. */
export class GatePass extends Model<InferAttributes<GatePass>, InferCreationAttributes<GatePass>> {
  declare gate: string;
  declare holder: string;
  /** By then they have left, whoever has forgotten to say so. */
  declare endsAt: Date;
  declare createdAt: CreationOptional<Date>;
}

/** Somebody before a gate. */
export class GateWaiter extends Model<
  InferAttributes<GateWaiter>,
  InferCreationAttributes<GateWaiter>
> {
  declare gate: string;
  declare holder: string;
  declare reason: GateReason;
  /** When they ask again. */
  declare until: Date;
  declare createdAt: CreationOptional<Date>;
}

/** The longest key: a host name with its kind. */
const KEY_CHARACTERS = 270;

/** Binds this domain's tables. */
export function defineGates(sequelize: Sequelize): void {
  Gate.init(
    {
      key: text(KEY_CHARACTERS, { primaryKey: true }),
      places: count({ allowNull: true }),
      ratePoints: count({ allowNull: true }),
      rateSeconds: count({ allowNull: true }),
      closedUntil: moment({ allowNull: true }),
      reason: text(500, { allowNull: true }),
      strikes: count({ defaultValue: 0 }),
      usedUntil: serial({ defaultValue: 0 }),
      ...times(),
    },
    { sequelize, tableName: "gates" },
  );
  GatePass.init(
    {
      gate: text(KEY_CHARACTERS, { primaryKey: true }),
      holder: id({ primaryKey: true }),
      endsAt: moment(),
      createdAt: moment(),
    },
    { sequelize, updatedAt: false, tableName: "gate_passes" },
  );
  GateWaiter.init(
    {
      gate: text(KEY_CHARACTERS, { primaryKey: true }),
      holder: id({ primaryKey: true }),
      reason: state(GATE_REASONS),
      until: moment(),
      createdAt: moment(),
    },
    { sequelize, updatedAt: false, tableName: "gate_waiters" },
  );
}
