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
import { id, json, moment, text } from "../columns.ts";

/** Who did what to what, from where, with what before and after. Only ever inserted. */
export class AuditEntry extends Model<
  InferAttributes<AuditEntry>,
  InferCreationAttributes<AuditEntry>
> {
  declare id: string;
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

/** Writes the audit of a mutation, in the mutation's own transaction. */
export async function recordAudit(audit: Audit, transaction: Transaction): Promise<void> {
  const { actor, address, requestId, before, after, ...what } = audit;
  await AuditEntry.create(
    {
      ...what,
      id: newId(),
      actorId: actor?.accountId ?? null,
      actorName: actor?.name ?? "longhaul",
      address: address ?? null,
      requestId: requestId ?? null,
      before: before ?? null,
      after: after ?? null,
    },
    { transaction },
  );
}

/** Binds the table of this file. */
export function defineAudit(sequelize: Sequelize): void {
  AuditEntry.init(
    {
      id: id({ primaryKey: true }),
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
    },
    { sequelize, updatedAt: false, tableName: "audit_entries" },
  );
}
