import { Op, type Transaction, type WhereOptions } from "sequelize";
import { LIMITS } from "../../domain/limits.ts";
import type { Fen } from "../../domain/money.ts";
import { grantWelcome } from "../billing/index.ts";
import { secondsAfter } from "../columns.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";
import { auditAccount, type Origin } from "./audit.ts";
import { type CodeProof, consumeCode } from "./codes.ts";
import { tellNewPassword } from "./notices.ts";
import { Account, Session } from "./tables.ts";

/** What no two accounts share, in the order in which it is checked. */
type Unique = "username" | "email" | "phone";

/** Why a change of a person was not made: somebody else has this, or the code is no longer good. */
export type Hindered = { taken: Unique } | { taken: "code" };
type Outcome = { account: Account } | Hindered;

/** A person as they register. A `phone` was proven by its code; a `claimedPhone` was not. */
export interface NewPerson {
  id: string;
  username: string;
  passwordHash: string;
  email?: string;
  /** When a provider vouched for the address. */
  emailVerifiedAt?: Date;
  phone?: string;
  claimedPhone?: string | undefined;
  /** What it is given to begin with. */
  welcomeFen: Fen;
}

/** What a new account was joined with, for the audit. */
export type Joined = { action: string; after: object };

/**
 * Makes an account, using `proof` up in the same transaction, and gives it its welcome credit; `alongside` does what
 * else belongs to it there. Without an account nothing has changed, the code included.
 */
export async function register(
  database: Database,
  { welcomeFen, ...person }: NewPerson,
  proof: CodeProof | undefined,
  origin: Omit<Origin, "actor">,
  alongside: (
    account: Account,
    transaction: Transaction,
  ) => Promise<Joined | void> = async () => {},
): Promise<Outcome> {
  await freeEmail(database, person.email);
  return again(() =>
    inTransaction(database, async (transaction) => {
      const { username, email, phone } = person;
      const taken = await takenOf({ username, email, phone }, person.id, transaction);
      if (taken) return { taken };
      if (proof && !(await consumeCode(proof, transaction))) return { taken: "code" };
      const claimed = email ? { emailClaimedAt: new Date() } : {};
      const account = await Account.create(
        { ...person, claimedPhone: person.claimedPhone ?? null, ...claimed, role: "user" },
        { transaction },
      );
      await account.reload({ transaction });
      await grantWelcome({ accountId: account.id, amountFen: welcomeFen }, transaction);
      const joined = await alongside(account, transaction);
      const actor = { accountId: account.id, name: username };
      const after = { username, email, phone, role: "user" };
      await auditAccount({ actor, ...origin }, "accounts.registered", account.id, transaction, {
        after,
      });
      if (joined) {
        const { action, after } = joined;
        await auditAccount({ actor, ...origin }, action, account.id, transaction, { after });
      }
      return { account };
    }),
  );
}

/** What people change of themselves; what is not given stays. A phone number counts only with its code. */
export interface PersonChanges {
  username?: string | undefined;
  avatar?: string | null | undefined;
  email?: string | undefined;
  phone?: string | undefined;
}

/** Changes an account; a new e-mail address has to be verified, a phone number counts when `proof` is given. */
export async function changePerson(
  database: Database,
  account: Account,
  changes: PersonChanges,
  proof: CodeProof | undefined,
  origin: Origin,
): Promise<Outcome> {
  await freeEmail(database, changes.email);
  return again(() =>
    inTransaction(database, async (transaction) => {
      const { username, email, phone } = changes;
      const taken = await takenOf({ username, email, phone }, account.id, transaction);
      if (taken) return { taken };
      if (proof && !(await consumeCode(proof, transaction))) return { taken: "code" };
      const wanted = columnsOf(account, changes, proof !== undefined);
      const names = Object.keys(wanted) as (keyof typeof wanted)[];
      // What is as it was is no news for the audit.
      if (names.every((name) => wanted[name] === account[name])) return { account };
      const before = Object.fromEntries(names.map((name) => [name, account[name]]));
      await Account.update(wanted, { where: { id: account.id }, transaction });
      const changed = await account.reload({ transaction });
      await auditAccount(origin, "accounts.changed", account.id, transaction, {
        before,
        after: wanted,
      });
      return { account: changed };
    }),
  );
}

function columnsOf(account: Account, changes: PersonChanges, proven: boolean) {
  const { username, avatar, email, phone } = changes;
  const isSamePhone = phone === account.phone;
  return {
    ...(username !== undefined && { username }),
    ...(avatar !== undefined && { avatar }),
    ...(email !== undefined &&
      email !== account.email && { email, emailVerifiedAt: null, emailClaimedAt: new Date() }),
    ...(phone !== undefined &&
      (proven ? { phone, claimedPhone: null } : { claimedPhone: isSamePhone ? null : phone })),
  };
}

/** Confirms the e-mail address of whoever holds it, by the code that was sent there. */
export async function verifyEmail(
  database: Database,
  proof: CodeProof,
  origin: Omit<Origin, "actor">,
): Promise<boolean> {
  return inTransaction(database, async (transaction) => {
    const holder = await Account.findOne({ where: { email: proof.address }, transaction });
    if (!holder || !(await consumeCode(proof, transaction))) return false;
    const [verified] = await Account.update(
      { emailVerifiedAt: new Date() },
      { where: { id: holder.id, email: proof.address, emailVerifiedAt: null }, transaction },
    );
    const actor = { accountId: holder.id, name: holder.username };
    if (verified === 1) {
      await auditAccount({ actor, ...origin }, "accounts.email-verified", holder.id, transaction);
    }
    return true;
  });
}

/** Sets a new password by a code that was sent to a proven address, and ends every session. False without such a code or account. */
export async function resetPassword(
  database: Database,
  proof: CodeProof,
  passwordHash: string,
  origin: Omit<Origin, "actor">,
): Promise<boolean> {
  return inTransaction(database, async (transaction) => {
    const { channel, address } = proof;
    const proven: WhereOptions<Account> =
      channel === "phone"
        ? { phone: address }
        : { email: address, emailVerifiedAt: { [Op.not]: null } };
    const holder = await Account.findOne({ where: { ...proven, isActive: true }, transaction });
    if (!holder || !(await consumeCode(proof, transaction))) return false;
    const { id: accountId, username: name } = holder;
    await Account.update({ passwordHash }, { where: { id: accountId }, transaction });
    const open = { accountId, revokedAt: null };
    await Session.update({ revokedAt: new Date() }, { where: open, transaction });
    const actor = { accountId, name };
    await tellNewPassword(accountId, transaction);
    await auditAccount({ actor, ...origin }, "accounts.password-reset", accountId, transaction);
    return true;
  });
}

/** The first of these that another account has. */
async function takenOf(
  values: { [U in Unique]: string | undefined },
  accountId: string,
  transaction: Transaction,
): Promise<Unique | undefined> {
  for (const unique of ["username", "email", "phone"] as const) {
    const value = values[unique];
    if (value === undefined) continue;
    const where = { [unique]: value, id: { [Op.ne]: accountId } };
    if (await Account.count({ where, transaction })) return unique;
  }
  return undefined;
}

/** Somebody may take a name between the look and the write: then the second look sees it. */
async function again(attempt: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await attempt();
  } catch (error) {
    if (!isTaken(error)) throw error;
    return attempt();
  }
}

/** Takes an address from the account that claimed it and never proved it in time. */
async function freeEmail(database: Database, email: string | undefined): Promise<void> {
  if (email === undefined) return;
  const before = secondsAfter(new Date(), -LIMITS.unverifiedEmailSeconds);
  const lapsed = { email, emailVerifiedAt: null, emailClaimedAt: { [Op.lte]: before } };
  await inTransaction(database, async (transaction) => {
    const holder = await Account.findOne({ where: lapsed, transaction });
    if (!holder) return;
    const where = { ...lapsed, id: holder.id };
    const [freed] = await Account.update(
      { email: null, emailClaimedAt: null },
      { where, transaction },
    );
    if (freed !== 1) return;
    await auditAccount(null, "accounts.email-freed", holder.id, transaction, { before: { email } });
  });
}
