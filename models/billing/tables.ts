import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from "sequelize";
import {
  type Book,
  BOOKS,
  ENTRY_KINDS,
  type EntryKind,
  HOLD_STATES,
  type HoldState,
  type PriceTerms,
  RECHARGE_METHODS,
  RECHARGE_STATES,
  type RechargeMethod,
  type RechargeState,
  SHORTFALL_STATES,
  type ShortfallState,
} from "../../domain/billing.ts";
import type { Fen } from "../../domain/money.ts";
import { count, fen, id, json, moment, serial, state, text, times } from "../columns.ts";
import { Table } from "../statements.ts";

/**
 * What one person has, as the sum of the entries up to `sequence` says: the one row by which whatever moves this
 * person's money takes its turn.
 */
export class LedgerBalance extends Model<
  InferAttributes<LedgerBalance>,
  InferCreationAttributes<LedgerBalance>
> {
  declare accountId: string;
  /** What may be spent. */
  declare freeFen: Fen;
  /** What open holds keep. */
  declare heldFen: Fen;
  /** How many operations there were. */
  declare sequence: number;
  /** How many of them clients are told of as transactions, and how many as bills. */
  declare transactions: number;
  declare bills: number;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** One line of one operation. The lines of an operation add up to nothing; they are only ever inserted. */
export class LedgerEntry extends Model<
  InferAttributes<LedgerEntry>,
  InferCreationAttributes<LedgerEntry>
> {
  /** Whose money the operation moved; `book` says whose line this is. */
  declare accountId: string;
  /** The operation's place among all that this person's money went through: 1, 2, 3, … */
  declare sequence: number;
  declare line: number;
  declare id: string;
  /** What the operation is known by, in all of the ledger once. */
  declare operationId: string;
  declare kind: EntryKind;
  declare book: Book;
  declare amountFen: Fen;
  /** What was free when the operation was done. */
  declare balanceAfterFen: Fen;
  /** Set on the platform's line of what clients are told of: the transactions of a person are counted from 1 on. */
  declare transactionNumber: number | null;
  /** The same for charges. */
  declare billNumber: number | null;
  declare holdId: string | null;
  declare taskId: string | null;
  declare description: string | null;
  declare createdAt: CreationOptional<Date>;
}

/** Money that is kept for some work until `expiresAt`, which whoever does the work moves on. */
export class Hold extends Model<InferAttributes<Hold>, InferCreationAttributes<Hold>> {
  declare id: string;
  declare accountId: string;
  declare state: HoldState;
  /** What was taken from the balance at first. */
  declare amountFen: Fen;
  /** What of it is still kept. */
  declare remainingFen: Fen;
  /** What was charged, be it out of the hold or beside it, and what of that was given back. */
  declare capturedFen: CreationOptional<Fen>;
  declare refundedFen: CreationOptional<Fen>;
  /** The version of the price book by which all of it is charged. */
  declare priceVersion: number | null;
  /** What it is for, as the contract's bills name it. */
  declare taskId: string | null;
  declare description: string | null;
  declare expiresAt: Date;
  declare endedAt: CreationOptional<Date | null>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** What a charge could not take, because neither the hold nor the balance had it. */
export class Shortfall extends Model<
  InferAttributes<Shortfall>,
  InferCreationAttributes<Shortfall>
> {
  declare id: string;
  declare accountId: string;
  declare holdId: string;
  /** The charge that fell short. */
  declare operationId: string;
  declare amountFen: Fen;
  declare state: ShortfallState;
  declare settledAt: CreationOptional<Date | null>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** Money that somebody wants to pay in. */
export class Recharge extends Model<InferAttributes<Recharge>, InferCreationAttributes<Recharge>> {
  declare id: string;
  declare accountId: string;
  declare method: RechargeMethod;
  declare state: RechargeState;
  declare amountFen: Fen;
  declare description: string;
  /** What the provider knows the payment by. */
  declare providerReference: CreationOptional<string | null>;
  declare decidedBy: CreationOptional<string | null>;
  declare reason: CreationOptional<string | null>;
  declare decidedAt: CreationOptional<Date | null>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** One version of the price book; never changed. */
export class Price extends Model<InferAttributes<Price>, InferCreationAttributes<Price>> {
  declare id: string;
  declare version: number;
  declare terms: PriceTerms;
  declare setBy: string;
  declare createdAt: CreationOptional<Date>;
}

const balanceColumns = () => ({
  accountId: id({ primaryKey: true }),
  freeFen: fen(),
  heldFen: fen(),
  sequence: serial(),
  transactions: serial(),
  bills: serial(),
  ...times(),
});

const entryColumns = () => ({
  accountId: id({ primaryKey: true }),
  sequence: serial({ primaryKey: true }),
  line: count({ primaryKey: true }),
  id: id(),
  operationId: text(100),
  kind: state(ENTRY_KINDS),
  book: state(BOOKS),
  amountFen: fen(),
  balanceAfterFen: fen(),
  transactionNumber: serial({ allowNull: true }),
  billNumber: serial({ allowNull: true }),
  holdId: id({ allowNull: true }),
  taskId: text(64, { allowNull: true }),
  description: text(500, { allowNull: true }),
  createdAt: moment(),
});

const holdColumns = () => ({
  id: id({ primaryKey: true }),
  accountId: id(),
  state: state(HOLD_STATES),
  amountFen: fen(),
  remainingFen: fen(),
  capturedFen: fen({ defaultValue: 0 }),
  refundedFen: fen({ defaultValue: 0 }),
  priceVersion: count({ allowNull: true }),
  taskId: text(64, { allowNull: true }),
  description: text(500, { allowNull: true }),
  expiresAt: moment(),
  endedAt: moment({ allowNull: true }),
  ...times(),
});

const shortfallColumns = () => ({
  id: id({ primaryKey: true }),
  accountId: id(),
  holdId: id(),
  operationId: text(100),
  amountFen: fen(),
  state: state(SHORTFALL_STATES),
  settledAt: moment({ allowNull: true }),
  ...times(),
});

const rechargeColumns = () => ({
  id: id({ primaryKey: true }),
  accountId: id(),
  method: state(RECHARGE_METHODS),
  state: state(RECHARGE_STATES),
  amountFen: fen(),
  description: text(500),
  providerReference: text(64, { allowNull: true }),
  decidedBy: text(100, { allowNull: true }),
  reason: text(500, { allowNull: true }),
  decidedAt: moment({ allowNull: true }),
  ...times(),
});

const priceColumns = () => ({
  id: id({ primaryKey: true }),
  version: count(),
  terms: json(),
  setBy: text(100),
  createdAt: moment(),
});

// What is sent for every charge, by statements of their own (statements.ts).
/** What everybody has. */
export const BALANCES = new Table<LedgerBalance>("ledger_balances", balanceColumns());
/** Every movement. */
export const ENTRIES = new Table<LedgerEntry>("ledger_entries", entryColumns());
/** What is kept for work. */
export const HOLDS = new Table<Hold>("holds", holdColumns());
/** What is owed. */
export const SHORTFALLS = new Table<Shortfall>("shortfalls", shortfallColumns());
/** What was, or is to be, paid in. */
export const RECHARGES = new Table<Recharge>("recharges", rechargeColumns());
/** What things cost. */
export const PRICES = new Table<Price>("prices", priceColumns());

/** Binds this domain's tables. */
export function defineBilling(sequelize: Sequelize): void {
  const once = { sequelize, updatedAt: false } as const;
  LedgerBalance.init(balanceColumns(), { sequelize, tableName: "ledger_balances" });
  LedgerEntry.init(entryColumns(), { ...once, tableName: "ledger_entries" });
  Hold.init(holdColumns(), { sequelize, tableName: "holds" });
  Shortfall.init(shortfallColumns(), { sequelize, tableName: "shortfalls" });
  Recharge.init(rechargeColumns(), { sequelize, tableName: "recharges" });
  Price.init(priceColumns(), { ...once, tableName: "prices" });
}
