import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  Op,
  type Sequelize,
  type Transaction,
} from "sequelize";
import { bytes, digest, id, moment, text } from "../columns.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";
import { auditAccount, type Origin } from "./audit.ts";

/** What an account's authenticator app knows. It counts from `confirmedAt` on. */
export class TotpSecret extends Model<
  InferAttributes<TotpSecret>,
  InferCreationAttributes<TotpSecret>
> {
  declare accountId: string;
  /** Sealed with the platform's key. */
  declare sealed: string;
  declare confirmedAt: CreationOptional<Date | null>;
  /** The newest time step that was used: none is good twice, and none before it. */
  declare lastStep: CreationOptional<number>;
  declare createdAt: CreationOptional<Date>;
}

/** A code that stands in for the app once, by the sha256 of the account and it. */
export class RecoveryCode extends Model<
  InferAttributes<RecoveryCode>,
  InferCreationAttributes<RecoveryCode>
> {
  declare hash: string;
  declare accountId: string;
  declare usedAt: CreationOptional<Date | null>;
  declare createdAt: CreationOptional<Date>;
}

/** How it stands with the second proof of an account: null where it has none. */
export async function totpOn(accountId: string): Promise<TotpSecret | null> {
  return TotpSecret.findOne({ where: { accountId, confirmedAt: { [Op.not]: null } } });
}

/** The secret that waits for its first digits, if one does. */
export async function totpBegun(accountId: string): Promise<TotpSecret | null> {
  return TotpSecret.findOne({ where: { accountId, confirmedAt: null } });
}

/** How many recovery codes are left to an account. */
export async function recoveryCodesLeft(accountId: string): Promise<number> {
  return RecoveryCode.count({ where: { accountId, usedAt: null } });
}

/** Keeps a secret that will count when it is confirmed, in place of one that waits. False when one counts already. */
export async function beginTotp(
  database: Database,
  accountId: string,
  sealed: string,
  origin: Origin,
): Promise<boolean> {
  try {
    return await inTransaction(database, async (transaction) => {
      const waiting = { accountId, confirmedAt: null };
      await TotpSecret.destroy({ where: waiting, transaction });
      if (await TotpSecret.count({ where: { accountId }, transaction })) return false;
      await TotpSecret.create({ accountId, sealed, lastStep: 0 }, { transaction });
      await auditAccount(origin, "accounts.totp-begun", accountId, transaction);
      return true;
    });
  } catch (error) {
    if (isTaken(error)) return false; // Somebody began at the same moment.
    throw error;
  }
}

/** Makes the secret count that was shown to work by the digits of `step`. False when it was replaced meanwhile. */
export async function confirmTotp(
  database: Database,
  { accountId, sealed }: Pick<TotpSecret, "accountId" | "sealed">,
  { step, recoveryHashes }: { step: number; recoveryHashes: string[] },
  origin: Origin,
): Promise<boolean> {
  return inTransaction(database, async (transaction) => {
    const [confirmed] = await TotpSecret.update(
      { confirmedAt: new Date(), lastStep: step },
      { where: { accountId, sealed, confirmedAt: null }, transaction },
    );
    if (confirmed !== 1) return false;
    await replaceCodes(accountId, recoveryHashes, transaction);
    await auditAccount(origin, "accounts.totp-turned-on", accountId, transaction);
    return true;
  });
}

/** Uses the digits of a time step up. False when they or later ones were used before. */
export async function spendTotpStep(
  database: Database,
  accountId: string,
  step: number,
): Promise<boolean> {
  return inTransaction(database, async (transaction) => {
    const unused = { accountId, confirmedAt: { [Op.not]: null }, lastStep: { [Op.lt]: step } };
    const [spent] = await TotpSecret.update({ lastStep: step }, { where: unused, transaction });
    return spent === 1;
  });
}

/** Uses a recovery code up. False when there is none such left. */
export async function spendRecoveryCode(
  database: Database,
  accountId: string,
  hash: string,
  origin: Origin,
): Promise<boolean> {
  return inTransaction(database, async (transaction) => {
    const [spent] = await RecoveryCode.update(
      { usedAt: new Date() },
      { where: { hash, accountId, usedAt: null }, transaction },
    );
    if (spent !== 1) return false;
    await auditAccount(origin, "accounts.recovery-code-used", accountId, transaction);
    return true;
  });
}

/** Gives an account new recovery codes; the old ones are dead. */
export async function renewRecoveryCodes(
  database: Database,
  accountId: string,
  hashes: string[],
  origin: Origin,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await replaceCodes(accountId, hashes, transaction);
    await auditAccount(origin, "accounts.recovery-codes-renewed", accountId, transaction);
  });
}

/** Forgets the second proof of an account, with its recovery codes. False when it has none. */
export async function turnOffTotp(
  database: Database,
  accountId: string,
  origin: Origin | null,
): Promise<boolean> {
  return inTransaction(database, async (transaction) => {
    if (!(await forgetTotp(accountId, transaction))) return false;
    await auditAccount(origin, "accounts.totp-turned-off", accountId, transaction);
    return true;
  });
}

/** The same within a transaction that audits it. */
export async function forgetTotp(accountId: string, transaction: Transaction): Promise<boolean> {
  await RecoveryCode.destroy({ where: { accountId }, transaction });
  return (await TotpSecret.destroy({ where: { accountId }, transaction })) > 0;
}

async function replaceCodes(
  accountId: string,
  hashes: string[],
  transaction: Transaction,
): Promise<void> {
  await RecoveryCode.destroy({ where: { accountId }, transaction });
  const rows = hashes.map((hash) => ({ hash, accountId }));
  await RecoveryCode.bulkCreate(rows, { transaction });
}

/** Binds the tables of this file. */
export function defineTotp(sequelize: Sequelize): void {
  TotpSecret.init(
    {
      accountId: id({ primaryKey: true }),
      sealed: text(255),
      confirmedAt: moment({ allowNull: true }),
      lastStep: bytes(),
      createdAt: moment(),
    },
    { sequelize, updatedAt: false, tableName: "totp_secrets" },
  );
  RecoveryCode.init(
    {
      hash: digest({ primaryKey: true }),
      accountId: id(),
      usedAt: moment({ allowNull: true }),
      createdAt: moment(),
    },
    { sequelize, updatedAt: false, tableName: "recovery_codes" },
  );
}
