import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from "sequelize";
import {
  BATCH_STATES,
  type BatchState,
  CARD_STATES,
  CARD_TIMERS,
  type CardState,
  type CardTimer,
  START_BASES,
  type StartBasis,
  SUSPENDED_CLOCKS,
  type SuspendedClock,
} from "../../domain/cards.ts";
import { defineBulks } from "./bulk-tables.ts";
import { defineImports } from "./import-tables.ts";
import { count, digest, flag, id, json, moment, serial, state, text, times } from "../columns.ts";

/** What cards are sold for. */
export class CardProduct extends Model<
  InferAttributes<CardProduct>,
  InferCreationAttributes<CardProduct>
> {
  declare id: string;
  /** What clients name it by. */
  declare slug: string;
  declare name: string;
  /** What whoever has a card may do with it. */
  declare entitlements: CreationOptional<string[]>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** Somebody who sells a product: their permissions reach its cards. */
export class CardSeller extends Model<
  InferAttributes<CardSeller>,
  InferCreationAttributes<CardSeller>
> {
  declare productId: string;
  declare accountId: string;
  declare createdAt: CreationOptional<Date>;
}

/** The terms of cards. Cards without one last for CARD_TERM from their activation, on one machine. */
export class CardPolicy extends Model<
  InferAttributes<CardPolicy>,
  InferCreationAttributes<CardPolicy>
> {
  declare id: string;
  /** The only product whose cards may have it; any when null. */
  declare productId: string | null;
  declare name: string;
  /** For ever when null. */
  declare termSeconds: number | null;
  declare startBasis: CreationOptional<StartBasis>;
  /** The date from which the term counts, where the basis is one. */
  declare startsAt: CreationOptional<Date | null>;
  declare maxMachines: CreationOptional<number>;
  /** How many parts of a machine's code must be as they were; all of it when null. */
  declare machinePartsRequired: CreationOptional<number | null>;
  /** How often a card is good; as often as one likes when null. */
  declare uses: CreationOptional<number | null>;
  declare suspendedClock: CreationOptional<SuspendedClock>;
  /** How long before the end it is told of; not at all when null. */
  declare noticeSeconds: CreationOptional<number | null>;
  /** What its cards permit beside their product's. */
  declare entitlements: CreationOptional<string[]>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** Cards that were ordered together. */
export class CardBatch extends Model<
  InferAttributes<CardBatch>,
  InferCreationAttributes<CardBatch>
> {
  declare id: string;
  declare prefix: string;
  /** How many were ordered, and how many there are. */
  declare count: number;
  declare generated: CreationOptional<number>;
  declare state: CreationOptional<BatchState>;
  /** While it is, its cards count as suspended. */
  declare frozen: CreationOptional<boolean>;
  /** While it is, its cards count as banned. */
  declare revoked: CreationOptional<boolean>;
  declare codeLength: number;
  declare alphabet: "plain" | "clear";
  declare policyId: CreationOptional<string | null>;
  declare productId: CreationOptional<string | null>;
  declare note: CreationOptional<string | null>;
  /** Who ordered it. */
  declare accountId: CreationOptional<string | null>;
  /** Why it failed. */
  declare error: CreationOptional<string | null>;
  declare completedAt: CreationOptional<Date | null>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** One card. Its id is a UUIDv7: cards are in the order of their making by their id. */
export class Card extends Model<InferAttributes<Card>, InferCreationAttributes<Card>> {
  declare id: string;
  declare batchId: CreationOptional<string | null>;
  declare productId: CreationOptional<string | null>;
  declare policyId: CreationOptional<string | null>;
  declare prefix: string;
  /** The keyed hash of the code's canonical spelling, its last four characters, and the code sealed for display. */
  declare codeHash: string;
  declare codeTail: string;
  declare codeSealed: string;
  /** Whatever changes it changes `CardCount` in the same transaction (counts.ts). */
  declare state: CreationOptional<CardState>;
  /** The first machine; `CardMachine` has the others. */
  declare machineCode: CreationOptional<string | null>;
  declare machineParts: CreationOptional<string[] | null>;
  /** How many machines there are, the first with them. */
  declare machines: CreationOptional<number>;
  declare usedAt: CreationOptional<Date | null>;
  /** Its end, which alone decides; null before its clock begins, and for ever when it has none. */
  declare expireAt: CreationOptional<Date | null>;
  /** What is left while its clock stands still; null while it runs. */
  declare remainingMs: CreationOptional<number | null>;
  /** When its end is to be told of in advance; null when it was, or never is. */
  declare noticeAt: CreationOptional<Date | null>;
  /** When a timer has something to do for it, its notice or its end; null while no clock runs. */
  declare dueAt: CreationOptional<Date | null>;
  declare timer: CreationOptional<CardTimer | null>;
  /** `shardOf` its id. */
  declare shard: number;
  /** Null when nobody counts. */
  declare usesLeft: CreationOptional<number | null>;
  declare note: CreationOptional<string | null>;
  declare deletedAt: CreationOptional<Date | null>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** The second and further machines of a card, each in its slot: 1, 2, … */
export class CardMachine extends Model<
  InferAttributes<CardMachine>,
  InferCreationAttributes<CardMachine>
> {
  declare cardId: string;
  declare slot: number;
  declare machineCode: string;
  declare machineParts: CreationOptional<string[] | null>;
  declare createdAt: CreationOptional<Date>;
}

/** A use that a client gave an id, so that asking twice counts once. */
export class CardUse extends Model<InferAttributes<CardUse>, InferCreationAttributes<CardUse>> {
  declare cardId: string;
  declare useId: string;
  declare createdAt: CreationOptional<Date>;
}

/**
 * How many cards of a product (`NO_PRODUCT` for those without) there are in each state. The sum over all slots is the
 * number; a single slot may be below zero. Deleted cards count as deleted and as nothing else.
 */
export class CardCount extends Model<
  InferAttributes<CardCount>,
  InferCreationAttributes<CardCount>
> {
  declare productId: string;
  declare slot: number;
  declare unused: CreationOptional<number>;
  declare active: CreationOptional<number>;
  declare suspended: CreationOptional<number>;
  declare expired: CreationOptional<number>;
  declare banned: CreationOptional<number>;
  declare deleted: CreationOptional<number>;
}

/** How the cards of a product stood when its sellers were told last. */
export class CardNews extends Model<InferAttributes<CardNews>, InferCreationAttributes<CardNews>> {
  declare productId: string;
  /** Counts how often they were told. */
  declare version: CreationOptional<number>;
  declare active: number;
  declare suspended: number;
  declare expired: number;
  declare banned: number;
  declare toldAt: Date;
}

/** When the wheel of a shard will look after its cards by itself; null when it sleeps until it is told. `shard` in digits. */
export class CardWheel extends Model<
  InferAttributes<CardWheel>,
  InferCreationAttributes<CardWheel>
> {
  declare shard: string;
  declare wakesAt: Date | null;
  declare updatedAt: CreationOptional<Date>;
}

/** Binds this domain's tables. */
export function defineCards(sequelize: Sequelize): void {
  defineTerms(sequelize);
  defineCard(sequelize);
  defineBulks(sequelize);
  defineImports(sequelize);
  const once = { sequelize, updatedAt: false } as const;
  CardMachine.init(
    {
      cardId: id({ primaryKey: true }),
      slot: count({ primaryKey: true }),
      machineCode: text(128),
      machineParts: json({ allowNull: true }),
      createdAt: moment(),
    },
    { ...once, tableName: "card_machines" },
  );
  CardUse.init(
    {
      cardId: id({ primaryKey: true }),
      useId: text(64, { primaryKey: true }),
      createdAt: moment(),
    },
    { ...once, tableName: "card_uses" },
  );
  const number = () => serial({ defaultValue: 0 });
  CardCount.init(
    {
      productId: id({ primaryKey: true }),
      slot: count({ primaryKey: true }),
      unused: number(),
      active: number(),
      suspended: number(),
      expired: number(),
      banned: number(),
      deleted: number(),
    },
    { sequelize, timestamps: false, tableName: "card_counts" },
  );
  CardNews.init(
    {
      productId: id({ primaryKey: true }),
      version: count({ defaultValue: 1 }),
      active: serial(),
      suspended: serial(),
      expired: serial(),
      banned: serial(),
      toldAt: moment(),
    },
    { sequelize, timestamps: false, tableName: "card_news" },
  );
  CardWheel.init(
    {
      shard: text(2, { primaryKey: true }),
      wakesAt: moment({ allowNull: true }),
      updatedAt: moment(),
    },
    { sequelize, createdAt: false, tableName: "card_wheels" },
  );
}

function defineTerms(sequelize: Sequelize): void {
  CardProduct.init(
    {
      id: id({ primaryKey: true }),
      slug: text(50),
      name: text(100),
      entitlements: json({ defaultValue: "[]" }),
      ...times(),
    },
    { sequelize, tableName: "card_products" },
  );
  CardSeller.init(
    {
      productId: id({ primaryKey: true }),
      accountId: id({ primaryKey: true }),
      createdAt: moment(),
    },
    { sequelize, updatedAt: false, tableName: "card_sellers" },
  );
  CardPolicy.init(
    {
      id: id({ primaryKey: true }),
      productId: id({ allowNull: true }),
      name: text(100),
      termSeconds: serial({ allowNull: true }),
      startBasis: state(START_BASES, { defaultValue: "activation" }),
      startsAt: moment({ allowNull: true }),
      maxMachines: count({ defaultValue: 1 }),
      machinePartsRequired: count({ allowNull: true }),
      uses: count({ allowNull: true }),
      suspendedClock: state(SUSPENDED_CLOCKS, { defaultValue: "runs" }),
      noticeSeconds: serial({ allowNull: true }),
      entitlements: json({ defaultValue: "[]" }),
      ...times(),
    },
    { sequelize, tableName: "card_policies" },
  );
  CardBatch.init(
    {
      id: id({ primaryKey: true }),
      prefix: text(16),
      count: count(),
      generated: count({ defaultValue: 0 }),
      state: state(BATCH_STATES, { defaultValue: "queued" }),
      frozen: flag({ defaultValue: false }),
      revoked: flag({ defaultValue: false }),
      codeLength: count(),
      alphabet: state(["plain", "clear"]),
      policyId: id({ allowNull: true }),
      productId: id({ allowNull: true }),
      note: text(500, { allowNull: true }),
      accountId: id({ allowNull: true }),
      error: text(500, { allowNull: true }),
      completedAt: moment({ allowNull: true }),
      ...times(),
    },
    { sequelize, tableName: "card_batches" },
  );
}

function defineCard(sequelize: Sequelize): void {
  Card.init(
    {
      id: id({ primaryKey: true }),
      batchId: id({ allowNull: true }),
      productId: id({ allowNull: true }),
      policyId: id({ allowNull: true }),
      prefix: text(16),
      codeHash: digest(),
      codeTail: text(4),
      codeSealed: text(512),
      state: state(CARD_STATES, { defaultValue: "unused" }),
      machineCode: text(128, { allowNull: true }),
      machineParts: json({ allowNull: true }),
      machines: count({ defaultValue: 0 }),
      usedAt: moment({ allowNull: true }),
      expireAt: moment({ allowNull: true }),
      remainingMs: serial({ allowNull: true }),
      noticeAt: moment({ allowNull: true }),
      dueAt: moment({ allowNull: true }),
      timer: state(CARD_TIMERS, { allowNull: true }),
      shard: count(),
      usesLeft: count({ allowNull: true }),
      note: text(500, { allowNull: true }),
      deletedAt: moment({ allowNull: true }),
      ...times(),
    },
    { sequelize, tableName: "cards" },
  );
}
