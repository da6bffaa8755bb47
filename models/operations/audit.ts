import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
  type Transaction,
} from "sequelize";
import { v7 as newId } from "uuid";
import type { Actor } from "../../domain/accounts.ts";
import { digest, id, json, moment, serial, text } from "../columns.ts";
import { type Row, Table } from "../statements.ts";
import { chainHash } from "./audit-chain.ts";

/** Who did what to what, from where, with what before and after. Only ever inserted, each chained to the one before. */
export class AuditEntry extends Model<
  InferAttributes<AuditEntry>,
  InferCreationAttributes<AuditEntry>
> {
  declare id: string;
  /** Its place in the chain: 1, 2, 3, … without a gap. */
  declare sequence: number;
  /** Covers the entry and the hash of the entry before it (audit-chain.ts). */
  declare hash: string;
  declare actorId: string | null;
  declare actorName: string;
  declare action: string;
  declare subjectKind: string;
  declare subjectId: string;
  declare address: string | null;
  declare requestId: string | null;
  declare before: unknown;
  declare after: unknown;
  declare createdAt: CreationOptional<Date>;
}

/** The end of the chain, in the one row by which those who append wait for each other. */
export class AuditHead extends Model<
  InferAttributes<AuditHead>,
  InferCreationAttributes<AuditHead>
> {
  declare name: string;
  /** How many entries there are. */
  declare sequence: number;
  /** The hash of the last one. */
  declare hash: string;
}

/** The name of the one chain there is. */
export const AUDIT_CHAIN = "audit";

/** What happened. `before` and `after` hold what changed, never a secret. */
export interface Audit {
  /** The platform itself when null. */
  actor: Pick<Actor, "accountId" | "name"> | null;
  /** `<word>.<past-participle>`, as `packages.rolled-back`. */
  action: string;
  subjectKind: string;
  subjectId: string;
  address?: string;
  requestId?: string;
  before?: unknown;
  after?: unknown;
}

/**
 * Writes the audit of a mutation, in the mutation's own transaction. From here to its end no other transaction can
 * write an audit entry: call it last.
 */
export async function recordAudit(audit: Audit, transaction: Transaction): Promise<void> {
  const head = await readHead(transaction);
  const { actor, address, requestId, before, after, ...what } = audit;
  const sequence = head.sequence + 1;
  const entry = {
    ...what,
    id: newId(),
    sequence,
    actorId: actor?.accountId ?? null,
    actorName: actor?.name ?? "longhaul",
    address: address ?? null,
    requestId: requestId ?? null,
    createdAt: new Date(),
  };
  const kept = (value: unknown) =>
    value === undefined || value === null ? null : JSON.stringify(value);
  const hash = chainHash(head.hash, { ...entry, before: kept(before), after: kept(after) });
  await AUDIT_ENTRIES.add([{ ...entry, before, after, hash }], transaction);
  const place = { name: AUDIT_CHAIN, sequence: head.sequence };
  const moved = await AUDIT_HEADS.set(place, { sequence, hash }, transaction);
  if (moved !== 1) throw new Error("the end of the audit chain was moved by somebody else");
}

/**
 * The end of the chain, ours alone until the transaction ends: a locking read sees what was committed last, and on
 * SQLite the transaction itself is the lock.
 */
export async function readHead(transaction: Transaction): Promise<Row<AuditHead>> {
  const head = await AUDIT_HEADS.findOne({ name: AUDIT_CHAIN }, transaction, { lock: true });
  if (!head)
    throw new Error("the end of the audit chain is gone: nothing can be changed unaudited");
  return head;
}

/** Where the chain ends for this transaction, without holding anybody up. */
export async function readAuditEnd(
  transaction: Transaction,
): Promise<{ sequence: number; hash: string }> {
  const head = await AuditHead.findByPk(AUDIT_CHAIN, { transaction, rejectOnEmpty: true });
  return { sequence: head.sequence, hash: head.hash };
}

const entryColumns = () => ({
  id: id({ primaryKey: true }),
  sequence: serial(),
  hash: digest(),
  actorId: id({ allowNull: true }),
  actorName: text(100),
  action: text(64),
  subjectKind: text(32),
  subjectId: text(64),
  address: text(64, { allowNull: true }),
  requestId: text(128, { allowNull: true }),
  before: json({ allowNull: true }),
  after: json({ allowNull: true }),
  createdAt: moment(),
});

const headColumns = () => ({
  name: text(20, { primaryKey: true }),
  sequence: serial(),
  hash: digest(),
});

const AUDIT_ENTRIES = new Table<AuditEntry>("audit_entries", entryColumns());
const AUDIT_HEADS = new Table<AuditHead>("audit_heads", headColumns());

/** Binds the tables of this file. */
export function defineAudit(sequelize: Sequelize): void {
  AuditEntry.init(entryColumns(), { sequelize, updatedAt: false, tableName: "audit_entries" });
  AuditHead.init(headColumns(), { sequelize, timestamps: false, tableName: "audit_heads" });
}
