import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  Op,
  type Sequelize,
} from "sequelize";
import { v7 as newId } from "uuid";
import { LIMITS } from "../../domain/limits.ts";
import { count, id, json, longText, moment, secondsAfter, state, text } from "../columns.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";

const IDEMPOTENCY_LEASE_SECONDS = 60;

/** What a POST answered under a client's key, or that it is being answered now. */
export class IdempotencyKey extends Model<
  InferAttributes<IdempotencyKey>,
  InferCreationAttributes<IdempotencyKey>
> {
  declare accountId: string;
  /** The operation id of the route. */
  declare operation: string;
  declare key: string;
  declare state: "claimed" | "done";
  declare claimedBy: string;
  declare claimedUntil: Date;
  declare fingerprint: CreationOptional<string | null>;
  declare status: CreationOptional<number | null>;
  declare headers: CreationOptional<Record<string, string> | null>;
  /** As the caller handed it in: answers that hold secrets come sealed. */
  declare body: CreationOptional<string | null>;
  declare expiresAt: Date;
  declare createdAt: CreationOptional<Date>;
}

/** A client's key under one route. */
export interface IdempotentCall {
  accountId: string;
  operation: string;
  key: string;
}

/** The right to answer a call, for a minute; `renewIdempotencyKey` prolongs it. */
export interface IdempotencyClaim extends IdempotentCall {
  token: string;
}

/** What a call answered, and the fingerprint of the request that it answered. */
export interface KeptAnswer {
  fingerprint: string;
  status: number;
  headers: Record<string, string>;
  /** The finished text; null for none. */
  body: string | null;
}

/** Exactly one of several calls with the same key gets `claimed`; it then finishes or forgets the key. */
export async function claimIdempotencyKey(
  database: Database,
  call: IdempotentCall,
): Promise<
  | { outcome: "claimed"; claim: IdempotencyClaim }
  | { outcome: "in-flight" }
  | ({ outcome: "done" } & KeptAnswer)
> {
  const { accountId, operation, key } = call;
  const now = new Date();
  const token = newId();
  const claimed = {
    state: "claimed" as const,
    claimedBy: token,
    claimedUntil: secondsAfter(now, IDEMPOTENCY_LEASE_SECONDS),
    expiresAt: secondsAfter(now, LIMITS.idempotencyKeyHours * 3600),
  };
  const claim = { accountId, operation, key, token };
  try {
    await inTransaction(database, (transaction) =>
      IdempotencyKey.create({ accountId, operation, key, ...claimed }, { transaction }),
    );
    return { outcome: "claimed", claim };
  } catch (error) {
    if (!isTaken(error)) throw error;
  }

  const left = {
    [Op.or]: [
      { state: "claimed", claimedUntil: { [Op.lte]: now } },
      { expiresAt: { [Op.lte]: now } },
    ],
  };
  const [taken] = await inTransaction(database, (transaction) =>
    IdempotencyKey.update(claimed, { where: { accountId, operation, key, ...left }, transaction }),
  );
  if (taken === 1) return { outcome: "claimed", claim };
  const row = await IdempotencyKey.findOne({ where: { accountId, operation, key } });
  // Gone between the two: its owner gave it up, and the client may ask again.
  if (row?.state !== "done") return { outcome: "in-flight" };
  return {
    outcome: "done",
    fingerprint: row.fingerprint!,
    status: row.status!,
    headers: row.headers!,
    body: row.body,
  };
}

function held({ accountId, operation, key, token }: IdempotencyClaim) {
  return { accountId, operation, key, state: "claimed", claimedBy: token } as const;
}

/** Keeps the claim for another minute. False when it was lost. */
export async function renewIdempotencyKey(
  database: Database,
  claim: IdempotencyClaim,
): Promise<boolean> {
  const claimedUntil = secondsAfter(new Date(), IDEMPOTENCY_LEASE_SECONDS);
  const [renewed] = await inTransaction(database, (transaction) =>
    IdempotencyKey.update({ claimedUntil }, { where: held(claim), transaction }),
  );
  return renewed === 1;
}

/** Keeps the answer for the next call with the same key. False when the claim was lost. */
export async function finishIdempotencyKey(
  database: Database,
  claim: IdempotencyClaim,
  answer: KeptAnswer,
): Promise<boolean> {
  const [finished] = await inTransaction(database, (transaction) =>
    IdempotencyKey.update({ state: "done", ...answer }, { where: held(claim), transaction }),
  );
  return finished === 1;
}

/** Gives the key up: nothing happened, and the same call may be made again. */
export async function forgetIdempotencyKey(
  database: Database,
  claim: IdempotencyClaim,
): Promise<void> {
  await inTransaction(database, (transaction) =>
    IdempotencyKey.destroy({ where: held(claim), transaction }),
  );
}

/** Removes keys whose time is up; answers how many. */
export async function forgetExpiredKeys(database: Database, now = new Date()): Promise<number> {
  return inTransaction(database, (transaction) =>
    IdempotencyKey.destroy({ where: { expiresAt: { [Op.lte]: now } }, transaction }),
  );
}

/** Binds the table of this file. */
export function defineIdempotency(sequelize: Sequelize): void {
  IdempotencyKey.init(
    {
      accountId: id({ primaryKey: true }),
      operation: text(100, { primaryKey: true }),
      key: text(LIMITS.idempotencyKeyCharacters, { primaryKey: true }),
      state: state(["claimed", "done"]),
      claimedBy: id(),
      claimedUntil: moment(),
      fingerprint: text(128, { allowNull: true }),
      status: count({ allowNull: true }),
      headers: json({ allowNull: true }),
      body: longText({ allowNull: true }),
      expiresAt: moment(),
      createdAt: moment(),
    },
    { sequelize, updatedAt: false, tableName: "idempotency_keys" },
  );
}
