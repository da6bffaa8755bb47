import { Op, type Transaction } from "sequelize";
import type { Actor, Permission, Role } from "../../domain/accounts.ts";
import { may, missingOf } from "../../domain/accounts.ts";
import { refusal } from "../../domain/errors.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";
import { NEWEST_FIRST, type Order, type Page, page, type Place } from "../paging.ts";
import { type Administrator, auditAccount, originOf } from "./audit.ts";
import { holdRole, permissionsOf } from "./roles.ts";
import { Account, Session } from "./tables.ts";
import { forgetTotp } from "./totp.ts";

/** An account as administrators make it. */
export type NewAccount = Pick<Account, "id" | "username" | "passwordHash" | "role" | "isService">;

/** Which accounts are asked for. */
export interface PeopleFilters {
  /** An e-mail address, a phone number, or how a user name begins. */
  q?: string | undefined;
  role?: Role | undefined;
  isActive?: boolean | undefined;
  isService?: boolean | undefined;
}

/** One page of all accounts that match: newest first, or by name when one is searched for. */
export function pageOfPeople(filters: PeopleFilters, place: Place): Promise<Page<Account>> {
  const { q, ...equal } = filters;
  const sought = q === undefined ? {} : soughtBy(q);
  const given = Object.entries(equal).filter(([, value]) => value !== undefined);
  // Of several filters one leads to rows in order, and the others are looked at in what it finds.
  const leading = given[0] ? [LEADING[given[0][0] as keyof typeof equal]] : [];
  const order: Order = q === undefined ? NEWEST_FIRST : [["username", "ASC"]];
  const sorted = q === undefined ? ["created_at", "id"] : ["username"];
  const isOne = "email" in sought || "phone" in sought;
  return page(Account, {
    ...place,
    where: { ...Object.fromEntries(given), ...sought },
    order,
    question: filters,
    index: isOne ? undefined : ["accounts", ...leading, ...sorted].join("_"),
  });
}

const LEADING = { role: "role", isActive: "is_active", isService: "is_service" } as const;

/** As at sign-in: 11 digits are a phone number, an address has an @. */
function soughtBy(q: string): object {
  if (/^\d{11}$/.test(q)) return { phone: q };
  if (q.includes("@")) return { email: q.toLowerCase() };
  // Not LIKE: SQLite uses no index for it.
  return { username: { [Op.gte]: q, [Op.lt]: `${q}\u{10ffff}` } };
}

/** Makes an account. Refuses a name that is taken, and a role that may do more than who gives it. */
export async function createAccount(
  database: Database,
  given: NewAccount,
  by: Administrator,
): Promise<Account> {
  try {
    return await inTransaction(database, async (transaction) => {
      assertWithin(by.actor, await holdRole(given.role, transaction));
      const account = await Account.create(given, { transaction });
      const { username, role, isService } = given;
      const after = { username, role, service: isService };
      await auditAccount(originOf(by), "accounts.created", given.id, transaction, { after });
      return account.reload({ transaction });
    });
  } catch (error) {
    if (!isTaken(error)) throw error;
    throw refusal("accounts/username-taken", "Somebody has this user name. Take another one.");
  }
}

/** What administrators change of an account; what is not given stays. */
export interface Standing {
  role?: Role | undefined;
  isActive?: boolean | undefined;
  memberLevel?: number | undefined;
}

/**
 * Changes what an account may do, from the commit on; one that is switched off is signed out everywhere. Nobody does so
 * to themselves, or to who may do more than they: so there is always an administrator left.
 */
export async function changeStanding(
  database: Database,
  accountId: string,
  standing: Standing,
  by: Administrator,
): Promise<Account> {
  return inTransaction(database, async (transaction) => {
    const account = await holdSubject(accountId, by.actor, transaction);
    const { role, isActive, memberLevel } = standing;
    if (account.id === by.actor.accountId && (role ?? isActive) !== undefined) throw ownAccount();
    if (role !== undefined) assertWithin(by.actor, await holdRole(role, transaction));
    const before = standingOf(account);
    account.set({
      role: role ?? account.role,
      isActive: isActive ?? account.isActive,
      memberLevel: memberLevel ?? account.memberLevel,
    });
    const after = standingOf(account);
    if (JSON.stringify(before) === JSON.stringify(after)) return account;
    await account.save({ transaction });
    if (before.is_active && !after.is_active) await endSessions(accountId, transaction);
    const change = { before, after };
    await auditAccount(originOf(by), "accounts.standing-changed", accountId, transaction, change);
    return account;
  });
}

/** Ends every session of an account at once; answers how many there were. */
export async function signOutEverywhere(
  database: Database,
  accountId: string,
  by: Administrator,
): Promise<number> {
  return inTransaction(database, async (transaction) => {
    await holdSubject(accountId, by.actor, transaction);
    const sessions = await endSessions(accountId, transaction);
    const after = { sessions };
    await auditAccount(originOf(by), "accounts.signed-out-everywhere", accountId, transaction, {
      after,
    });
    return sessions;
  });
}

/**
 * Takes the second proof from whoever has lost it, with its recovery codes, and ends their sessions. Nobody does so to
 * themselves: whoever has theirs turns it off by it.
 */
export async function resetTotp(
  database: Database,
  accountId: string,
  by: Administrator,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await holdSubject(accountId, by.actor, transaction);
    if (accountId === by.actor.accountId) {
      throw refusal("accounts/own-account", "Turn your own off by it, or ask another one.");
    }
    if (!(await forgetTotp(accountId, transaction))) {
      throw refusal("accounts/totp-off", "This account has no second proof.");
    }
    const after = { sessions: await endSessions(accountId, transaction) };
    await auditAccount(originOf(by), "accounts.totp-reset", accountId, transaction, { after });
  });
}

/** Refuses unless who asks has all of these permissions. */
export function assertWithin(actor: Actor, permissions: readonly Permission[]): void {
  const missing = missingOf(actor, permissions);
  if (missing.length === 0) return;
  const message = `This reaches beyond what you may do yourself: ${missing.join(", ")}.`;
  throw refusal("accounts/rights-beyond-own", message);
}

/**
 * The account that is to be changed, ours alone until the transaction ends, and so is that of who asks: of two who
 * switch each other off at the same time the second one finds that they may not any more. Rows are taken in the order
 * of their ids, so that nobody waits in a ring.
 */
async function holdSubject(
  accountId: string,
  actor: Actor,
  transaction: Transaction,
): Promise<Account> {
  const rows = await Account.findAll({
    where: { id: [...new Set([accountId, actor.accountId])] },
    order: [["id", "ASC"]],
    lock: transaction.LOCK.UPDATE,
    transaction,
  });
  const asker = rows.find(({ id }) => id === actor.accountId);
  const permissions = asker?.isActive ? await permissionsOf(asker.role, transaction) : [];
  if (!may({ ...actor, permissions }, "accounts:administer")) {
    throw refusal("accounts/not-allowed", "This needs the permission accounts:administer.");
  }
  const account = rows.find(({ id }) => id === accountId);
  if (!account) throw refusal("accounts/user-not-found", "There is no such user.");
  assertWithin(actor, await permissionsOf(account.role, transaction));
  return account;
}

async function endSessions(accountId: string, transaction: Transaction): Promise<number> {
  const [ended] = await Session.update(
    { revokedAt: new Date() },
    { where: { accountId, revokedAt: null }, transaction },
  );
  return ended;
}

function standingOf({ role, isActive, memberLevel }: Account) {
  return { role, is_active: isActive, member_level: memberLevel };
}

function ownAccount() {
  const advice = "Nobody changes their own role or switches themselves off. Ask another one.";
  return refusal("accounts/own-account", advice);
}
