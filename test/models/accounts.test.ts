import { describe, expect, test } from "vitest";
import { refusalIn } from "../../domain/errors.ts";
import {
  Account,
  ApiKey,
  consumeRefreshToken,
  createFirstAdministrator,
  accountOf,
  findByLogin,
  findLogin,
  findLiveApiKey,
  findSignedIn,
  forgetEndedSessions,
  issueApiKey,
  openSession,
  RefreshToken,
  rehashPassword,
  revokeApiKey,
  revokeSession,
  Session,
  setPassword,
  signOut,
  touchApiKey,
} from "../../models/accounts.ts";
import type { Database } from "../../models/database.ts";
import { AuditEntry } from "../../models/operations.ts";
import { makeSecret, newId } from "../../platform/crypto.ts";
import { describeDatabases } from "../support/database.ts";

const here = { address: "127.0.0.1", requestId: "r-1" };
const nobody = { actor: null, ...here };
const inDays = (days: number) => new Date(Date.now() + days * 86_400_000);

async function makeAccount(
  given: Partial<{ username: string; email: string; phone: string }> = {},
) {
  const id = newId();
  return Account.create({ id, username: `u-${id}`, passwordHash: "h", role: "admin", ...given });
}

async function makeSession(database: Database, account: Account, expiresAt = inDays(7)) {
  const refresh = makeSecret("refresh");
  const session = { id: newId(), refreshHash: refresh.hash, userAgent: "test", expiresAt };
  await openSession(database, account, session, nobody);
  return { id: session.id, hash: refresh.hash };
}

async function makeKey(database: Database, account: Account, expiresAt: Date | null = null) {
  const { prefix, lastFour, hash } = makeSecret("key");
  const given = { id: newId(), accountId: account.id, name: "ci", prefix, lastFour, hash };
  return issueApiKey(database, { ...given, scopes: ["packages:query"], expiresAt }, nobody);
}

const actions = async () => (await AuditEntry.findAll()).map(({ action }) => action).sort();

describeDatabases(({ open }) => {
  describe("the first administrator", () => {
    test("is made once, by one of many processes that start at the same time", async () => {
      const database = await open();

      const made = await Promise.all(
        Array.from({ length: 8 }, (_, n) =>
          createFirstAdministrator(database, {
            id: newId(),
            username: `admin${n}`,
            passwordHash: "h",
          }),
        ),
      );

      expect(made.filter(Boolean)).toHaveLength(1);
      expect(await Account.findAll()).toMatchObject([
        { role: "admin", isActive: true, memberLevel: 0 },
      ]);
      expect(await actions()).toEqual(["accounts.created"]);
    });

    test("is not made anew when there has ever been one", async () => {
      const database = await open();
      const admin = { id: newId(), username: "admin", passwordHash: "h" };
      await createFirstAdministrator(database, admin);
      await Account.destroy({ where: { id: admin.id } });

      expect(await createFirstAdministrator(database, admin)).toBe(false);
    });
  });

  describe("an account", () => {
    test("is found by its name, its phone number or its address, and signs in by each while it may", async () => {
      const database = await open();
      const account = await makeAccount({
        username: "Ann",
        email: "ann@example.com",
        phone: "13800000000",
      });

      for (const login of ["Ann", "ann@example.com", "Ann@Example.com", "13800000000"]) {
        expect((await findByLogin(login))?.id, login).toBe(account.id);
        const { id, passwordHash } = account;
        expect(await findLogin(database, login), login).toEqual({ id, passwordHash });
      }
      for (const login of ["ann", "Ann ", "Änn", "13800000001", "bob@example.com", "%", ""]) {
        expect(await findByLogin(login), login).toBeNull();
        expect(await findLogin(database, login), login).toBeUndefined();
      }
      const login = (await findLogin(database, "Ann"))!;
      expect((await accountOf(login))?.id).toBe(account.id);
      expect(await accountOf({ ...login, passwordHash: "another" })).toBeUndefined();
      await account.update({ isActive: false });
      expect(await findLogin(database, "Ann")).toBeUndefined();
      expect(await accountOf(login)).toBeUndefined();
    });

    test("has a name that no other has, to the letter", async () => {
      await open();
      await makeAccount({ username: "ann" });

      await makeAccount({ username: "Ann" });

      await expect(makeAccount({ username: "ann" })).rejects.toThrow("Validation error");
    });

    test("with a new password has no sessions left", async () => {
      const database = await open();
      const account = await makeAccount();
      const session = await makeSession(database, account);

      expect(await setPassword(database, account.id, "new", nobody)).toBe(true);

      const claims = { accountId: account.id, sessionId: session.id };
      expect(await findSignedIn(database, claims)).toBeUndefined();
      const next = { hash: session.hash, nextHash: makeSecret("refresh").hash };
      expect(await consumeRefreshToken(database, next)).toEqual({ outcome: "ended" });
      expect((await account.reload()).passwordHash).toBe("new");
      expect(await actions()).toContain("accounts.password-set");
      expect(await setPassword(database, newId(), "new", nobody)).toBe(false);
    });

    test("that got a new password while somebody signed in with the old one signs nobody in", async () => {
      const database = await open();
      const account = await makeAccount();
      const stale = await Account.findByPk(account.id, { rejectOnEmpty: true });
      await setPassword(database, account.id, "new", nobody);
      const session = { id: newId(), refreshHash: makeSecret("refresh").hash, userAgent: "" };

      const signedIn = await openSession(
        database,
        stale,
        { ...session, expiresAt: inDays(7) },
        nobody,
      );

      expect(signedIn).toBeUndefined();
      expect(await Session.count()).toBe(0);
      await rehashPassword(database, stale, "old again");
      expect((await account.reload()).passwordHash).toBe("new");
    });
  });

  describe("a session", () => {
    test("signs in its account until it is revoked", async () => {
      const database = await open();
      const account = await makeAccount();
      const session = await makeSession(database, account);
      const claims = { accountId: account.id, sessionId: session.id };
      expect((await findSignedIn(database, claims))?.id).toBe(account.id);

      expect(await revokeSession(database, session.id, nobody)).toBe(true);

      expect(await findSignedIn(database, claims)).toBeUndefined();
      expect(await revokeSession(database, session.id, nobody)).toBe(false);
    });

    test("signs in nobody after its time, for another account, or once the account is switched off", async () => {
      const database = await open();
      const account = await makeAccount();
      const session = await makeSession(database, account);
      const claims = { accountId: account.id, sessionId: session.id };

      expect(await findSignedIn(database, claims, inDays(8))).toBeUndefined();
      const other = await makeAccount();
      expect(await findSignedIn(database, { ...claims, accountId: other.id })).toBeUndefined();
      await account.update({ isActive: false });
      expect(await findSignedIn(database, claims)).toBeUndefined();
    });

    test("is forgotten with its tokens some time after it ended", async () => {
      const database = await open();
      const account = await makeAccount();
      await makeSession(database, account, inDays(-1));
      const kept = await makeSession(database, account);

      expect(await forgetEndedSessions(database, new Date())).toBe(1);

      expect((await Session.findAll()).map(({ id }) => id)).toEqual([kept.id]);
      expect((await RefreshToken.findAll()).map(({ hash }) => hash)).toEqual([kept.hash]);
    });

    test("signs out with any of its refresh tokens, once", async () => {
      const database = await open();
      const account = await makeAccount();
      const session = await makeSession(database, account);

      expect(await signOut(database, session.hash, here)).toBe(true);

      expect(await signOut(database, session.hash, here)).toBe(false);
      expect(await signOut(database, makeSecret("refresh").hash, here)).toBe(false);
      const entry = await AuditEntry.findOne({ where: { action: "accounts.signed-out" } });
      expect(entry).toMatchObject({ actorId: account.id, actorName: account.username });
    });
  });

  describe("a refresh token", () => {
    test("is traded for the next one, which is good in turn", async () => {
      const database = await open();
      const account = await makeAccount();
      const session = await makeSession(database, account);
      const nextHash = makeSecret("refresh").hash;

      const refreshed = await consumeRefreshToken(database, { hash: session.hash, nextHash });

      expect(refreshed).toMatchObject({
        outcome: "refreshed",
        account: { id: account.id },
        session: { id: session.id },
      });
      const third = { hash: nextHash, nextHash: makeSecret("refresh").hash };
      expect(await consumeRefreshToken(database, third)).toMatchObject({ outcome: "refreshed" });
    });

    test("shown many times at once is good once, and then the whole session is over", async () => {
      const database = await open();
      const account = await makeAccount();
      const session = await makeSession(database, account);
      const nextHashes = Array.from({ length: 10 }, () => makeSecret("refresh").hash);

      const answers = await Promise.all(
        nextHashes.map((nextHash) =>
          consumeRefreshToken(database, { hash: session.hash, nextHash }),
        ),
      );

      const outcomes = answers.map(({ outcome }) => outcome).sort();
      expect(outcomes.filter((outcome) => outcome === "refreshed")).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === "reused")).toHaveLength(9);
      const [given] = await RefreshToken.findAll({ where: { usedAt: null } });
      const next = { hash: given!.hash, nextHash: makeSecret("refresh").hash };
      expect(await consumeRefreshToken(database, next)).toEqual({ outcome: "ended" });
      expect(await actions()).toContain("accounts.refresh-token-reused");
    });

    test("is no use when it was never given, or after the session's time, however often it was refreshed", async () => {
      const database = await open();
      const account = await makeAccount();
      const session = await makeSession(database, account);
      const unknown = { hash: makeSecret("refresh").hash, nextHash: makeSecret("refresh").hash };
      expect(await consumeRefreshToken(database, unknown)).toEqual({ outcome: "unknown" });

      const late = { hash: session.hash, nextHash: makeSecret("refresh").hash };

      expect(await consumeRefreshToken(database, late, inDays(8))).toEqual({ outcome: "expired" });
    });

    test("is no use when the account is switched off", async () => {
      const database = await open();
      const account = await makeAccount();
      const session = await makeSession(database, account);
      await account.update({ isActive: false });

      const next = { hash: session.hash, nextHash: makeSecret("refresh").hash };

      expect(await consumeRefreshToken(database, next)).toEqual({ outcome: "inactive" });
    });
  });

  describe("an API key", () => {
    test("is found by its prefix while it and its maker may act", async () => {
      const database = await open();
      const account = await makeAccount();
      const key = await makeKey(database, account, inDays(1));

      expect(await findLiveApiKey({ id: key.id })).toMatchObject({
        key: { id: key.id, scopes: ["packages:query"] },
        account: { id: account.id },
      });

      expect(await findLiveApiKey({ prefix: makeSecret("key").prefix })).toBeUndefined();
      expect(await findLiveApiKey({ id: key.id }, inDays(2))).toBeUndefined();
      await account.update({ isActive: false });
      expect(await findLiveApiKey({ id: key.id })).toBeUndefined();
    });

    test("is revoked by its owner alone, once", async () => {
      const database = await open();
      const [owner, stranger] = [await makeAccount(), await makeAccount()];
      const key = await makeKey(database, owner);
      const revoke = (accountId: string) =>
        revokeApiKey(database, { id: key.id, accountId }, nobody);
      const missing = { code: "accounts/api-key-not-found" };

      expect(await revoke(stranger.id).catch(refusalIn)).toMatchObject(missing);
      expect(await findLiveApiKey({ id: key.id })).toBeDefined();
      await revoke(owner.id);

      expect(await findLiveApiKey({ id: key.id })).toBeUndefined();
      expect(await revoke(owner.id).catch(refusalIn)).toMatchObject(missing);
      expect(await actions()).toEqual(["accounts.api-key-issued", "accounts.api-key-revoked"]);
    });

    test("notes its use at most once a minute", async () => {
      const database = await open();
      const key = await makeKey(database, await makeAccount());
      const stale = await ApiKey.findByPk(key.id, { rejectOnEmpty: true });
      const seconds = (count: number) => new Date(Date.UTC(2026, 0, 1) + count * 1000);
      const usedAt = async () => (await key.reload()).lastUsedAt;

      await touchApiKey(database, key, seconds(0));
      expect(await usedAt()).toEqual(seconds(0));
      await touchApiKey(database, key, seconds(30));
      await touchApiKey(database, stale, seconds(31));
      expect(await usedAt()).toEqual(seconds(0));
      await touchApiKey(database, key, seconds(61));

      expect(await usedAt()).toEqual(seconds(61));
    });
  });
});
