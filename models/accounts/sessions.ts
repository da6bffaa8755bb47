import { Op, type Transaction } from "sequelize";
import { type Database, inTransaction } from "../database.ts";
import { auditAccount, type Origin } from "./audit.ts";
import { tellNewSession } from "./notices.ts";
import { Account, RefreshToken, Session } from "./tables.ts";

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
    await tellNewSession({ id: sessionId, accountId, address, userAgent }, transaction);
    await auditAccount(origin, "accounts.signed-in", accountId, transaction);
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

/** Of an account, what every request of its holder asks for. */
export type SignedIn = Pick<Account, "id" | "username" | "role">;

/** The account of a session that has not ended, as it is now; undefined when nobody is signed in by it any more. */
export async function findSignedIn(
  database: Database,
  { accountId, sessionId }: { accountId: string; sessionId: string },
  now = new Date(),
): Promise<SignedIn | undefined> {
  const [row] = await database.ask<SignedIn & { expires_at: string | Date }>(SIGNED_IN, [
    sessionId,
    accountId,
  ]);
  if (!row || new Date(row.expires_at) <= now) return undefined;
  const { id, username, role } = row;
  return { id, username, role };
}

const SIGNED_IN = `SELECT a.id, a.username, a.role, s.expires_at
   FROM sessions s
   JOIN accounts a ON a.id = s.account_id
   WHERE s.id = ? AND s.account_id = ? AND s.revoked_at IS NULL AND a.is_active = 1`;

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

/** Ends all sessions of an account at once; answers how many there were. */
export async function endSessions(
  database: Database,
  accountId: string,
  origin: Origin,
): Promise<number> {
  return inTransaction(database, async (transaction) => {
    const now = new Date();
    const open = { accountId, revokedAt: null, expiresAt: { [Op.gt]: now } };
    const [ended] = await Session.update({ revokedAt: now }, { where: open, transaction });
    await auditAccount(origin, "accounts.sessions-revoked", accountId, transaction, {
      after: { ended },
    });
    return ended;
  });
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
  await auditAccount({ actor, ...origin }, action, session.accountId, transaction, {
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
