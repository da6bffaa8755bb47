import { describe, expect, test } from "vitest";
import {
  Account,
  changePerson,
  type CodeProof,
  consumeCode,
  findUnsentCode,
  forgetCodes,
  noteCodeSent,
  proveCode,
  register,
  resetPassword,
  Session,
  storeCode,
  VerificationCode,
  verifyEmail,
} from "../../../models/accounts.ts";
import { type Database, inTransaction } from "../../../models/database.ts";
import { AuditEntry } from "../../../models/operations.ts";
import { newId, sha256 } from "../../../platform/crypto.ts";
import { describeDatabases } from "../../support/database.ts";

const here = { address: "127.0.0.1", requestId: "r-1" };
const PHONE = "13800000000";
const MAIL = "ann@example.com";
const proofOf = (digits: string, address = PHONE): CodeProof => ({
  channel: address.includes("@") ? "email" : "phone",
  address,
  hash: sha256(digits),
});

async function makeCode(database: Database, digits: string, address = PHONE, now = new Date()) {
  const code = { id: newId(), ...proofOf(digits, address), sealed: "sealed" };
  const stored = await inTransaction(database, (transaction) => storeCode(code, transaction, now));
  return { ...code, stored };
}

const ann = () => ({ id: newId(), username: "ann", passwordHash: "h", welcomeFen: 0 });
const ago = (seconds: number) => new Date(Date.now() - seconds * 1000);
const use = (database: Database, proof: CodeProof, now = new Date()) =>
  inTransaction(database, (transaction) => consumeCode(proof, transaction, now));

async function registered(database: Database, given: object) {
  const made = await register(database, { ...ann(), ...given }, undefined, here);
  if (!("account" in made)) throw new Error(`not registered: ${made.taken}`);
  return made.account;
}

describeDatabases(({ open }) => {
  describe("a code", () => {
    test("is one per address: of many that are asked for at once, one is made", async () => {
      const database = await open();

      const made = await Promise.all(
        Array.from({ length: 8 }, (_, n) => makeCode(database, `${n}`)),
      );

      expect(made.filter(({ stored }) => stored)).toHaveLength(1);
    });

    test("is replaced by the next one, a minute later at the earliest, and is dead then", async () => {
      const database = await open();
      await makeCode(database, "111111", PHONE, ago(59));
      expect((await makeCode(database, "222222")).stored).toBe(false);
      await VerificationCode.update({ createdAt: ago(60) }, { where: {} });

      expect((await makeCode(database, "333333")).stored).toBe(true);

      expect(await proveCode(database, proofOf("111111"))).toBe(false);
      expect(await proveCode(database, proofOf("333333"))).toBe(true);
    });

    test("is used once, by one of many", async () => {
      const database = await open();
      await makeCode(database, "111111");

      const uses = await Promise.all(
        Array.from({ length: 8 }, () => use(database, proofOf("111111"))),
      );

      expect(uses.filter(Boolean)).toHaveLength(1);
      expect(await proveCode(database, proofOf("111111"))).toBe(false);
    });

    test("is dead after five wrong tries, also for the right digits and when they come at once", async () => {
      const database = await open();
      await makeCode(database, "111111");
      expect(await proveCode(database, proofOf("111111"))).toBe(true);

      await Promise.all(
        Array.from({ length: 5 }, (_, n) => proveCode(database, proofOf(`22222${n}`))),
      );

      expect(await proveCode(database, proofOf("111111"))).toBe(false);
      expect(await use(database, proofOf("111111"))).toBe(false);
    });

    test("stays good however often it was right and not used", async () => {
      const database = await open();
      await makeCode(database, "111111");

      for (let n = 0; n < 7; n++) {
        expect(await proveCode(database, proofOf("111111"))).toBe(true);
      }
    });

    test("is dead after half an hour, and forgotten", async () => {
      const database = await open();
      await makeCode(database, "111111", PHONE, ago(1800));

      expect(await proveCode(database, proofOf("111111"))).toBe(false);
      expect(await forgetCodes(database, new Date())).toBe(1);
    });

    test("is good for its own address alone", async () => {
      const database = await open();
      await makeCode(database, "111111");

      expect(await proveCode(database, proofOf("111111", "13900000000"))).toBe(false);
      expect(await proveCode(database, proofOf("111111", MAIL))).toBe(false);
    });

    test("keeps its sealed digits until it was sent or used", async () => {
      const database = await open();
      const { id } = await makeCode(database, "111111");
      expect((await findUnsentCode(id))?.sealed).toBe("sealed");

      await noteCodeSent(database, id);

      expect(await findUnsentCode(id)).toBeUndefined();
      expect((await VerificationCode.findByPk(id))?.sealed).toBeNull();
    });
  });

  describe("registering", () => {
    test("makes a person who may do nothing yet, with a proven phone number", async () => {
      const database = await open();
      await makeCode(database, "111111");
      const person = { ...ann(), phone: PHONE };

      const made = await register(database, person, proofOf("111111"), here);

      expect(made).toMatchObject({ account: { role: "user", phone: PHONE, isActive: true } });
      const entry = await AuditEntry.findOne({ where: { action: "accounts.registered" } });
      expect(entry).toMatchObject({ actorId: person.id, actorName: "ann", subjectId: person.id });
    });

    test("does not burn the code when the name is taken", async () => {
      const database = await open();
      await registered(database, {});
      await makeCode(database, "111111");

      const second = await register(database, { ...ann(), phone: PHONE }, proofOf("111111"), here);

      expect(second).toEqual({ taken: "username" });
      expect(await use(database, proofOf("111111"))).toBe(true);
    });

    test("of many with the same name, address and code one succeeds", async () => {
      const database = await open();
      await makeCode(database, "111111");

      const all = await Promise.all(
        Array.from({ length: 6 }, (_, n) =>
          register(
            database,
            { ...ann(), username: `ann${n % 2}`, phone: PHONE },
            proofOf("111111"),
            here,
          ),
        ),
      );

      expect(all.filter((one) => "account" in one)).toHaveLength(1);
      expect(await Account.count()).toBe(1);
    });

    test("leaves nothing when what belongs to it fails", async () => {
      const database = await open();
      await makeCode(database, "111111");
      const failing = () => Promise.reject(new Error("no"));

      const made = register(database, { ...ann(), phone: PHONE }, proofOf("111111"), here, failing);

      await expect(made).rejects.toThrow("no");
      expect(await Account.count()).toBe(0);
      expect(await use(database, proofOf("111111"))).toBe(true);
    });

    test("with an address that somebody claimed a day ago and never proved takes it from them", async () => {
      const database = await open();
      const first = await registered(database, { email: MAIL });
      const second = { ...ann(), username: "bob", email: MAIL };
      expect(await register(database, second, undefined, here)).toEqual({ taken: "email" });
      await Account.update({ emailClaimedAt: ago(86_400) }, { where: { id: first.id } });

      const made = await register(database, second, undefined, here);

      expect(made).toMatchObject({ account: { email: MAIL, emailVerifiedAt: null } });
      expect((await first.reload()).email).toBeNull();
      const freed = await AuditEntry.findOne({ where: { action: "accounts.email-freed" } });
      expect(freed).toMatchObject({ subjectId: first.id, before: { email: MAIL } });
    });

    test("with an address that somebody proved long ago is refused", async () => {
      const database = await open();
      const first = await registered(database, { email: MAIL });
      await Account.update(
        { emailClaimedAt: ago(90_000), emailVerifiedAt: ago(89_000) },
        { where: { id: first.id } },
      );

      const second = { ...ann(), username: "bob", email: MAIL };
      expect(await register(database, second, undefined, here)).toEqual({ taken: "email" });
    });
  });

  describe("a person", () => {
    test("proves an e-mail address by its code, once and for all", async () => {
      const database = await open();
      const account = await registered(database, { email: MAIL });
      await makeCode(database, "111111", MAIL);

      expect(await verifyEmail(database, proofOf("222222", MAIL), here)).toBe(false);
      expect(await verifyEmail(database, proofOf("111111", MAIL), here)).toBe(true);

      expect((await account.reload()).emailVerifiedAt).toBeInstanceOf(Date);
      expect(await AuditEntry.count({ where: { action: "accounts.email-verified" } })).toBe(1);
    });

    test("changes a phone number that counts only with its code", async () => {
      const database = await open();
      const account = await registered(database, {});
      const origin = { actor: null, ...here };
      await changePerson(database, account, { phone: PHONE }, undefined, origin);
      expect(account).toMatchObject({ phone: null, claimedPhone: PHONE });
      await makeCode(database, "111111");

      await changePerson(database, account, { phone: PHONE }, proofOf("111111"), origin);

      expect(account).toMatchObject({ phone: PHONE, claimedPhone: null });
    });

    test("who changes the e-mail address has to prove the new one; the same one stays proven", async () => {
      const database = await open();
      const account = await registered(database, { email: MAIL });
      await account.update({ emailVerifiedAt: new Date() });
      const origin = { actor: null, ...here };

      await changePerson(database, account, { email: MAIL }, undefined, origin);
      expect(account.emailVerifiedAt).toBeInstanceOf(Date);
      await changePerson(database, account, { email: "new@example.com" }, undefined, origin);

      expect(account).toMatchObject({ email: "new@example.com", emailVerifiedAt: null });
    });

    test("gets a new password by a code to a proven address, and every session ends", async () => {
      const database = await open();
      const account = await registered(database, { email: MAIL });
      const session = { id: newId(), accountId: account.id, address: "", userAgent: "" };
      await Session.create({ ...session, lastUsedAt: new Date(), expiresAt: ago(-60) });
      await makeCode(database, "111111", MAIL);
      expect(await resetPassword(database, proofOf("111111", MAIL), "new", here)).toBe(false);
      await account.update({ emailVerifiedAt: new Date() });

      expect(await resetPassword(database, proofOf("111111", MAIL), "new", here)).toBe(true);

      expect((await account.reload()).passwordHash).toBe("new");
      expect((await Session.findByPk(session.id))?.revokedAt).toBeInstanceOf(Date);
      expect(await resetPassword(database, proofOf("111111", MAIL), "other", here)).toBe(false);
    });
  });
});
