import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  literal,
  Model,
  Op,
  type Sequelize,
  type Transaction,
} from "sequelize";
import { v7 as newId } from "uuid";
import { CODE_CHANNELS, type CodeChannel } from "../../domain/accounts.ts";
import { workflowId } from "../../domain/ids.ts";
import { LIMITS } from "../../domain/limits.ts";
import { count, digest, id, moment, secondsAfter, state, text } from "../columns.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";
import { enqueue, recordAudit } from "../operations.ts";
import type { Origin } from "./audit.ts";

/** The newest code that was made for an address; the ones before it are dead. */
export class VerificationCode extends Model<
  InferAttributes<VerificationCode>,
  InferCreationAttributes<VerificationCode>
> {
  declare id: string;
  declare channel: CodeChannel;
  declare address: string;
  /** Of the digits and their address, with the platform's key: a million digests without it are quickly made. */
  declare hash: string;
  /** The digits, sealed, until they were sent. */
  declare sealed: string | null;
  /** How often it was guessed wrongly. */
  declare tries: CreationOptional<number>;
  declare expiresAt: Date;
  declare sentAt: CreationOptional<Date | null>;
  declare usedAt: CreationOptional<Date | null>;
  declare createdAt: CreationOptional<Date>;
}

/** Where a code was sent, and the digest of what came back. */
export type CodeProof = Pick<VerificationCode, "channel" | "address" | "hash">;

/** Where the sealed digits of a code belong. */
export function codePlace(codeId: string): string {
  return `verification_codes.sealed/${codeId}`;
}

/** Orders the workflow that takes a stored code to its address. */
export async function sendStoredCode(
  { id: codeId, channel }: Pick<VerificationCode, "id" | "channel">,
  requestId: string,
  transaction: Transaction,
): Promise<void> {
  await enqueue(
    {
      id: newId(),
      workflow: "codeDelivery",
      workflowId: workflowId("code", codeId),
      input: { codeId },
      command: null,
      summary: `Send a verification code by ${channel === "phone" ? "SMS" : "mail"}`,
      kind: "code",
      subject: codeId,
      headers: { requestId },
    },
    transaction,
  );
}

/** Makes a code the one that counts for its address. False when the one before is too young: then nothing changes. */
export async function storeCode(
  code: NewCode,
  transaction: Transaction,
  now = new Date(),
): Promise<boolean> {
  const { channel, address } = code;
  const fresh = {
    ...code,
    tries: 0,
    expiresAt: secondsAfter(now, LIMITS.codeSeconds),
    sentAt: null,
    usedAt: null,
    createdAt: now,
  };
  const old = { [Op.lte]: secondsAfter(now, -LIMITS.codeGapSeconds) };
  const where = { channel, address };
  const [replaced] = await VerificationCode.update(fresh, {
    where: { ...where, createdAt: old },
    transaction,
  });
  if (replaced === 1) return true;
  if (await VerificationCode.count({ where, transaction })) return false;
  try {
    await VerificationCode.create(fresh, { transaction });
    return true;
  } catch (error) {
    if (isTaken(error)) return false; // Somebody asked at the same moment.
    throw error;
  }
}

/** What is stored of a new code. */
export type NewCode = Pick<VerificationCode, "id" | "channel" | "address" | "hash" | "sealed">;

/** Stores a code and has it sent. False when the one before is too young: then nothing happens. */
export async function orderCode(
  database: Database,
  code: NewCode,
  origin: Origin & { requestId: string },
): Promise<boolean> {
  return inTransaction(database, async (transaction) => {
    if (!(await storeCode(code, transaction))) return false;
    await sendStoredCode(code, origin.requestId, transaction);
    await recordAudit(
      {
        ...origin,
        action: "accounts.code-ordered",
        subjectKind: "code",
        subjectId: code.id,
        after: { channel: code.channel },
      },
      transaction,
    );
    return true;
  });
}

/**
 * Whether this is the code that counts; a wrong one is counted as a try of it. The right one stays good until
 * `consumeCode`, so that what is refused for other reasons does not burn it.
 */
export async function proveCode(
  database: Database,
  { channel, address, hash }: CodeProof,
  now = new Date(),
): Promise<boolean> {
  return inTransaction(database, async (transaction) => {
    const where = { channel, address };
    const [counted] = await VerificationCode.update(
      { tries: literal("tries + 1") },
      { where: { ...where, ...alive(now) }, transaction },
    );
    if (counted !== 1) return false;
    const right = { ...where, hash };
    const [proven] = await VerificationCode.update(
      { tries: literal("tries - 1") },
      { where: right, transaction },
    );
    return proven === 1;
  });
}

/** Uses the code up, with what it was shown for. False when somebody else has, or it is no longer good. */
export async function consumeCode(
  { channel, address, hash }: CodeProof,
  transaction: Transaction,
  now = new Date(),
): Promise<boolean> {
  const [used] = await VerificationCode.update(
    { usedAt: now, sealed: null },
    { where: { channel, address, hash, ...alive(now) }, transaction },
  );
  return used === 1;
}

/** A code that is still to be sent; undefined when it was, or another one has taken its place. */
export async function findUnsentCode(
  codeId: string,
  now = new Date(),
): Promise<(CodeProof & { sealed: string }) | undefined> {
  const unsent = { id: codeId, sentAt: null, expiresAt: { [Op.gt]: now } };
  const code = await VerificationCode.findOne({ where: unsent });
  if (!code?.sealed) return undefined;
  const { channel, address, hash, sealed } = code;
  return { channel, address, hash, sealed };
}

/** Notes that a code was sent, and forgets its digits. Twice is harmless. */
export async function noteCodeSent(database: Database, codeId: string): Promise<void> {
  await inTransaction(database, (transaction) =>
    VerificationCode.update(
      { sentAt: new Date(), sealed: null },
      { where: { id: codeId, sentAt: null }, transaction },
    ),
  );
}

/** Removes codes that have not been good since `before`; answers how many. */
export async function forgetCodes(database: Database, before: Date): Promise<number> {
  return inTransaction(database, (transaction) =>
    VerificationCode.destroy({ where: { expiresAt: { [Op.lt]: before } }, transaction }),
  );
}

function alive(now: Date) {
  return {
    usedAt: null,
    expiresAt: { [Op.gt]: now },
    tries: { [Op.lt]: LIMITS.codeTries },
  };
}

/** Binds the table of this file. */
export function defineCodes(sequelize: Sequelize): void {
  VerificationCode.init(
    {
      id: id({ primaryKey: true }),
      channel: state(CODE_CHANNELS),
      address: text(255),
      hash: digest(),
      sealed: text(255, { allowNull: true }),
      tries: count({ defaultValue: 0 }),
      expiresAt: moment(),
      sentAt: moment({ allowNull: true }),
      usedAt: moment({ allowNull: true }),
      createdAt: moment(),
    },
    { sequelize, updatedAt: false, tableName: "verification_codes" },
  );
}
