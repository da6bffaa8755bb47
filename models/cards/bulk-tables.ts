import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from "sequelize";
import {
  BULK_OUTCOMES,
  BULK_STATES,
  type BulkOutcome,
  type BulkState,
} from "../../domain/cards.ts";
import { type BulkOrder } from "../../domain/cards/bulk.ts";
import { count, flag, id, json, moment, state, text, times } from "../columns.ts";

/** Something that was ordered of many cards at once. */
export class CardBulk extends Model<InferAttributes<CardBulk>, InferCreationAttributes<CardBulk>> {
  declare id: string;
  declare order: BulkOrder;
  /** Which cards, as the database is asked for them (`readFilters`), and as somebody has asked for them. */
  declare filters: object;
  declare asked: object;
  /** Why, as the audit says it. */
  declare reason: CreationOptional<string | null>;
  declare state: CreationOptional<BulkState>;
  /** How many cards matched when it was ordered. */
  declare total: number;
  declare done: CreationOptional<number>;
  declare refused: CreationOptional<number>;
  declare undone: CreationOptional<number>;
  declare kept: CreationOptional<number>;
  /** The last card that was looked at, in the order of their ids. */
  declare reached: CreationOptional<string | null>;
  /** Who ordered it. */
  declare accountId: string;
  declare actorName: string;
  /** Why it failed. */
  declare error: CreationOptional<string | null>;
  /** Since when all cards have been looked at; while it is recent, it can be undone. */
  declare completedAt: CreationOptional<Date | null>;
  /** What became of each card is still there. */
  declare hasResults: CreationOptional<boolean>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** What a bulk made of one card. */
export class CardBulkResult extends Model<
  InferAttributes<CardBulkResult>,
  InferCreationAttributes<CardBulkResult>
> {
  declare bulkId: string;
  declare cardId: string;
  declare outcome: BulkOutcome;
  /** Why it was refused or kept. */
  declare reason: CreationOptional<string | null>;
  /** What of the row was changed: what it was, and what it became. */
  declare before: CreationOptional<Readonly<Record<string, unknown>> | null>;
  declare after: CreationOptional<Readonly<Record<string, unknown>> | null>;
}

/** Binds the tables of this file. */
export function defineBulks(sequelize: Sequelize): void {
  const number = () => count({ defaultValue: 0 });
  CardBulk.init(
    {
      id: id({ primaryKey: true }),
      order: json(),
      filters: json(),
      asked: json(),
      reason: text(500, { allowNull: true }),
      state: state(BULK_STATES, { defaultValue: "queued" }),
      total: count(),
      done: number(),
      refused: number(),
      undone: number(),
      kept: number(),
      reached: id({ allowNull: true }),
      accountId: id(),
      actorName: text(100),
      error: text(500, { allowNull: true }),
      completedAt: moment({ allowNull: true }),
      hasResults: flag({ defaultValue: true }),
      ...times(),
    },
    { sequelize, tableName: "card_bulks" },
  );
  CardBulkResult.init(
    {
      bulkId: id({ primaryKey: true }),
      cardId: id({ primaryKey: true }),
      outcome: state(BULK_OUTCOMES),
      reason: text(200, { allowNull: true }),
      before: json({ allowNull: true }),
      after: json({ allowNull: true }),
    },
    { sequelize, timestamps: false, tableName: "card_bulk_results" },
  );
}
