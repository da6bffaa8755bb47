import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  Op,
  type Sequelize,
  type Transaction,
} from "sequelize";
import type { Role } from "../domain/accounts.ts";
import { ROLES } from "../domain/accounts.ts";
import { count, digest, flag, id, moment, state, text } from "./columns.ts";
import { type Database, inTransaction } from "./database.ts";
import { ApiKey, defineKeys, type Origin, stillAlive } from "./accounts/keys.ts";
import { type Audit, isFirst, recordAudit } from "./operations.ts";

export * from "./accounts/keys.ts";

/** A person who signs in. */
export class Account extends Model<InferAttributes<Account>, InferCreationAttributes<Account>> {
  declare id: string;
  declare username: string;
  declare email: CreationOptional<string | null>;
  declare phone: CreationOptional<string | null>;
  /** Argon2id, with its parameters. */
  declare passwordHash: string;
  declare role: Role;
  declare isActive: CreationOptional<boolean>;
  declare avatar: CreationOptional<string | null>;
  declare memberLevel: CreationOptional<number>;
  declare lastLoginAt: CreationOptional<Date | null>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** One sign-in: the family of all refresh tokens that follow from it. It ends at `expiresAt`, however often it is used. */
export class Session extends Model<InferAttributes<Session>, InferCreationAttributes<Session>> {
  declare id: string;
  declare accountId: string;
  declare address: string;
  declare userAgent: string;
  declare lastUsedAt: Date;
  declare expiresAt: Date;
  declare revokedAt: CreationOptional<Date | null>;
  declare createdAt: CreationOptional<Date>;
}

/** One refresh token of a session, by the sha256 of what the client holds. It is good for one use. */
export class RefreshToken extends Model<
  InferAttributes<RefreshToken>,
  InferCreationAttributes<RefreshToken>
> {
  declare hash: string;
  declare sessionId: string;
  declare usedAt: CreationOptional<Date | null>;
  declare createdAt: CreationOptional<Date>;
}

/** Makes the first administrator of the platform. False when there has ever been one: then nothing changes. */
export async function createFirstAdministrator(
  database: Database,
  account: { id: string; username: string; passwordHash: string },
): Promise<boolean> {
  return inTransaction(database, async (transaction) => {
    if (!(await isFirst("administrator", transaction))) return false;
    await Account.create({ ...account, role: "admin" }, { transaction });
    await audit(null, "accounts.created", account.id, transaction, {
      after: { username: account.username, role: "admin" },
    });
    return true;
  });
}

/** Sets a new password and ends every session of the account. Answers false when there is no such account. */
export async function setPassword(
  database: Database,
  accountId: string,
  passwordHash: string,
  origin: Origin | null,
): Promise<boolean> {
  return inTransaction(database, async (transaction) => {
    const [changed] = await Account.update(
      { passwordHash },
      { where: { id: accountId }, transaction },
    );
    if (changed !== 1) return false;
    const open = { accountId, revokedAt: null };
    await Session.update({ revokedAt: new Date() }, { where: open, transaction });
    await audit(origin, "accounts.password-set", accountId, transaction);
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

/** What a sign-in begins with. */
export interface NewSession {
  id: string;
  refreshHash: string;
  userAgent: string;
  expiresAt: Date;
}

/**
 * Begins a session with its first refresh token; answers the account as it is then. Undefined when the account was
 * switched off or got a new password since `account` was read: then nobody is signed in.
 */
export async function openSession(
  database: Database,
  account: Account,
  session: NewSession,
  origin: Origin & { address: string },
): Promise<Account | undefined> {
  const now = new Date();
  const { id: sessionId, refreshHash, userAgent, expiresAt } = session;
  const { id: accountId, passwordHash } = account;
  return inTransaction(database, async (transaction) => {
    const [unchanged] = await Account.update(
      { lastLoginAt: now },
      { where: { id: accountId, passwordHash, isActive: true }, transaction },
    );
    if (unchanged !== 1) return undefined;
    const { address } = origin;
    await Session.create(
      { id: sessionId, accountId, address, userAgent, lastUsedAt: now, expiresAt },
      { transaction },
    );
    await RefreshToken.create({ hash: refreshHash, sessionId }, { transaction });
    await audit(origin, "accounts.signed-in", accountId, transaction);
    return account.reload({ transaction });
  });
}

/** What became of a refresh token that was shown to us. */
export type Refreshed =
  | { outcome: "refreshed"; account: Account; session: Session }
  | { outcome: "unknown" | "reused" | "ended" | "expired" | "inactive" };

/**
 * Trades a refresh token for the next one of its session. Exactly one of any number of uses succeeds; every other
 * use ends the session, since either its holder or we were robbed (RFC 9700 §4.14.2).
 */
export async function consumeRefreshToken(
  database: Database,
  { hash, nextHash }: { hash: string; nextHash: string },
  now = new Date(),
): Promise<Refreshed> {
  return inTransaction(database, async (transaction) => {
    const [used] = await RefreshToken.update(
      { usedAt: now },
      { where: { hash, usedAt: null }, transaction },
    );
    const token = await RefreshToken.findOne({ where: { hash }, transaction });
    if (!token) return { outcome: "unknown" };
    const { sessionId } = token;
    if (used !== 1) {
      await endSession(sessionId, null, "accounts.refresh-token-reused", transaction);
      return { outcome: "reused" };
    }
    const [alive] = await Session.update(
      { lastUsedAt: now },
      { where: { id: sessionId, revokedAt: null, expiresAt: { [Op.gt]: now } }, transaction },
    );
    const session = await Session.findByPk(sessionId, { transaction, rejectOnEmpty: true });
    if (alive !== 1) return { outcome: session.revokedAt ? "ended" : "expired" };
    const account = await Account.findByPk(session.accountId, { transaction });
    if (!account?.isActive) return { outcome: "inactive" };
    await RefreshToken.create({ hash: nextHash, sessionId }, { transaction });
    return { outcome: "refreshed", account, session };
  });
}

/** The account of a session that has not ended, as it is now; undefined when nobody is signed in by it any more. */
export async function findSignedIn(
  { accountId, sessionId }: { accountId: string; sessionId: string },
  now = new Date(),
): Promise<Account | undefined> {
  const [session, account] = await Promise.all([
    Session.findOne({
      attributes: ["id"],
      where: { id: sessionId, accountId, revokedAt: null, expiresAt: { [Op.gt]: now } },
    }),
    Account.findByPk(accountId),
  ]);
  return session && account?.isActive ? account : undefined;
}

/** The key with this prefix and its maker, while both may act; whether the secret is right is for the caller to see. */
export async function findLiveApiKey(
  prefix: string,
  now = new Date(),
): Promise<{ key: ApiKey; account: Account } | undefined> {
  const key = await ApiKey.findOne({ where: { prefix, ...stillAlive(now) } });
  const account = key && (await Account.findByPk(key.accountId));
  return key && account?.isActive ? { key, account } : undefined;
}

/** The account that a person means by what they sign in with: 11 digits are a phone number, an address has an @. */
export async function findByLogin(login: string): Promise<Account | null> {
  if (/^\d{11}$/.test(login)) return Account.findOne({ where: { phone: login } });
  if (login.includes("@")) return Account.findOne({ where: { email: login.toLowerCase() } });
  return Account.findOne({ where: { username: login } });
}

/** Ends the session of a refresh token. False when nobody was ever given that token, or its session has ended. */
export async function signOut(
  database: Database,
  hash: string,
  origin: Omit<Origin, "actor">,
): Promise<boolean> {
  return inTransaction(database, async (transaction) => {
    const token = await RefreshToken.findOne({ where: { hash }, transaction });
    if (!token) return false;
    return endSession(token.sessionId, origin, "accounts.signed-out", transaction);
  });
}

/** Ends one session at once. False when it had ended before. */
export async function revokeSession(
  database: Database,
  sessionId: string,
  origin: Origin,
): Promise<boolean> {
  return inTransaction(database, (transaction) =>
    endSession(sessionId, origin, "accounts.session-revoked", transaction),
  );
}

async function endSession(
  sessionId: string,
  origin: Partial<Origin> | null,
  action: string,
  transaction: Transaction,
): Promise<boolean> {
  const [ended] = await Session.update(
    { revokedAt: new Date() },
    { where: { id: sessionId, revokedAt: null }, transaction },
  );
  if (ended !== 1) return false;
  const session = await Session.findByPk(sessionId, { transaction, rejectOnEmpty: true });
  const account = await Account.findByPk(session.accountId, { transaction });
  const actor = account && { accountId: account.id, name: account.username };
  await audit({ actor, ...origin }, action, session.accountId, transaction, {
    after: { session: sessionId },
  });
  return true;
}

/** Removes sessions that ended before `before`, with their refresh tokens; answers how many. */
export async function forgetEndedSessions(database: Database, before: Date): Promise<number> {
  return inTransaction(database, (transaction) =>
    Session.destroy({
      where: { [Op.or]: [{ expiresAt: { [Op.lt]: before } }, { revokedAt: { [Op.lt]: before } }] },
      transaction,
    }),
  );
}

function audit(
  origin: Partial<Origin> | null,
  action: string,
  accountId: string,
  transaction: Transaction,
  change: Pick<Audit, "before" | "after"> = {},
): Promise<void> {
  return recordAudit(
    { actor: null, ...origin, action, subjectKind: "account", subjectId: accountId, ...change },
    transaction,
  );
}

/** Binds this domain's tables. */
export function defineAccounts(sequelize: Sequelize): void {
  const once = { sequelize, updatedAt: false } as const;
  Account.init(
    {
      id: id({ primaryKey: true }),
      username: text(50),
      email: text(255, { allowNull: true }),
      phone: text(20, { allowNull: true }),
      passwordHash: text(255),
      role: state(Object.keys(ROLES)),
      isActive: flag({ defaultValue: true }),
      avatar: text(255, { allowNull: true }),
      memberLevel: count({ defaultValue: 0 }),
      lastLoginAt: moment({ allowNull: true }),
      createdAt: moment(),
      updatedAt: moment(),
    },
    { sequelize, tableName: "accounts" },
  );
  Session.init(
    {
      id: id({ primaryKey: true }),
      accountId: id(),
      address: text(64),
      userAgent: text(255),
      lastUsedAt: moment(),
      expiresAt: moment(),
      revokedAt: moment({ allowNull: true }),
      createdAt: moment(),
    },
    { ...once, tableName: "sessions" },
  );
  RefreshToken.init(
    {
      hash: digest({ primaryKey: true }),
      sessionId: id(),
      usedAt: moment({ allowNull: true }),
      createdAt: moment(),
    },
    { ...once, tableName: "refresh_tokens" },
  );
  defineKeys(sequelize);
}
