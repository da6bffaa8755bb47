import { Op } from "sequelize";
import { type Database, inTransaction } from "../database.ts";
import { isFirst } from "../operations.ts";
import { auditAccount, type Origin } from "./audit.ts";
import { tellNewPassword } from "./notices.ts";
import { Account, Session } from "./tables.ts";

/** Makes the first administrator of the platform. False when there has ever been one: then nothing changes. */
export async function createFirstAdministrator(
  database: Database,
  account: { id: string; username: string; passwordHash: string },
): Promise<boolean> {
  return inTransaction(database, async (transaction) => {
    if (!(await isFirst("administrator", transaction))) return false;
    await Account.create({ ...account, role: "admin" }, { transaction });
    await auditAccount(null, "accounts.created", account.id, transaction, {
      after: { username: account.username, role: "admin" },
    });
    return true;
  });
}

/** Sets a new password and ends every session of the account but `keptSessionId`. Answers false when there is no such account. */
export async function setPassword(
  database: Database,
  accountId: string,
  passwordHash: string,
  origin: Origin | null,
  keptSessionId?: string,
): Promise<boolean> {
  return inTransaction(database, async (transaction) => {
    const [changed] = await Account.update(
      { passwordHash },
      { where: { id: accountId }, transaction },
    );
    if (changed !== 1) return false;
    const other = keptSessionId === undefined ? {} : { id: { [Op.ne]: keptSessionId } };
    const open = { accountId, revokedAt: null, ...other };
    await Session.update({ revokedAt: new Date() }, { where: open, transaction });
    await tellNewPassword(accountId, transaction);
    await auditAccount(origin, "accounts.password-set", accountId, transaction);
    return true;
  });
}

/** Stores a better hash of the same password; nothing when the password has changed meanwhile. */
export async function rehashPassword(
  database: Database,
  account: Pick<Account, "id" | "passwordHash">,
  passwordHash: string,
): Promise<void> {
  await inTransaction(database, (transaction) =>
    Account.update(
      { passwordHash },
      { where: { id: account.id, passwordHash: account.passwordHash }, transaction },
    ),
  );
}

/** The account that a person means by what they sign in with: 11 digits are a phone number, an address has an @. */
export async function findByLogin(login: string): Promise<Account | null> {
  const { column, value } = meantBy(login);
  return Account.findOne({ where: { [column]: value } });
}

/** Of an account, what a password is checked with. */
export type Login = Pick<Account, "id" | "passwordHash">;

/** The same account as `findByLogin` if it is not switched off, for those who guess: they come in crowds. */
export async function findLogin(database: Database, login: string): Promise<Login | undefined> {
  const { column, value } = meantBy(login);
  const [row] = await database.ask<{ id: string; password_hash: string }>(LOGINS[column], [value]);
  return row && { id: row.id, passwordHash: row.password_hash };
}

/** The account of a login that was proven; undefined when it was switched off or got a new password since. */
export async function accountOf({ id, passwordHash }: Login): Promise<Account | undefined> {
  const where = { id, passwordHash, isActive: true };
  return (await Account.findOne({ where })) ?? undefined;
}

const loginBy = (column: string) =>
  `SELECT id, password_hash FROM accounts WHERE ${column} = ? AND is_active = 1`;

const LOGINS = { phone: loginBy("phone"), email: loginBy("email"), username: loginBy("username") };

function meantBy(login: string): { column: keyof typeof LOGINS; value: string } {
  if (/^\d{11}$/.test(login)) return { column: "phone", value: login };
  if (login.includes("@")) return { column: "email", value: login.toLowerCase() };
  return { column: "username", value: login };
}
