import { describe, expect, test } from "vitest";
import { type Database, inTransaction } from "../../models/database.ts";
import {
  abandonStaged,
  adoptStaged,
  AuditEntry,
  claimExpired,
  claimIdempotencyKey,
  claimOutbox,
  enqueue,
  expiredStaged,
  finishIdempotencyKey,
  finishOutbox,
  forgetExpiredKeys,
  forgetIdempotencyKey,
  forgetStaged,
  IdempotencyKey,
  isFirst,
  nextSerial,
  OutboxEntry,
  type OutboxMessage,
  recordAudit,
  renewIdempotencyKey,
  renewStaged,
  retryOutbox,
  StagedObject,
  StagedObjectGone,
  stageObject,
} from "../../models/operations.ts";
import { newId } from "../../platform/crypto.ts";
import { describeDatabases } from "../support/database.ts";

function makeMessage(given: Partial<OutboxMessage> = {}): OutboxMessage {
  const id = newId();
  return {
    id,
    workflow: "packageLine",
    workflowId: `package/${id}`,
    input: { id, names: ["名", "é"], nothing: null },
    command: { update: "replacePackage", id: `replace-${id}`, argument: { number: 1 } },
    summary: "Replace",
    kind: "package",
    subject: "1001",
    headers: { accountId: newId(), requestId: "r-1" },
    ...given,
  };
}

async function send(database: Database, given?: Partial<OutboxMessage>): Promise<OutboxMessage> {
  const message = makeMessage(given);
  await inTransaction(database, (transaction) => enqueue(message, transaction));
  return message;
}

const hour = 3_600_000;
const past = () => new Date(Date.now() - hour);
const inAnHour = () => new Date(Date.now() + hour);

describeDatabases(({ open }) => {
  describe("the audit", () => {
    test("stands and falls with the change it tells of", async () => {
      const database = await open();
      const actor = { accountId: newId(), name: "ann" };
      const what = { actor, action: "test.made", subjectKind: "test", subjectId: "7" };

      await inTransaction(database, (transaction) =>
        recordAudit({ ...what, before: { a: 1 }, after: { a: [2, "é"] } }, transaction),
      );
      const failed = inTransaction(database, async (transaction) => {
        await recordAudit({ ...what, actor: null }, transaction);
        throw new Error("undone");
      });

      await expect(failed).rejects.toThrow("undone");
      const [entry, ...others] = await AuditEntry.findAll();
      expect(others).toEqual([]);
      expect(entry).toMatchObject({
        actorId: actor.accountId,
        actorName: "ann",
        action: "test.made",
        before: { a: 1 },
        after: { a: [2, "é"] },
      });
    });
  });

  describe("the outbox", () => {
    test("sends what was committed, whole, and nothing of what was not", async () => {
      const database = await open();
      const message = await send(database);
      await inTransaction(database, async (transaction) => {
        await enqueue(makeMessage(), transaction);
        throw new Error("undone");
      }).catch(() => undefined);

      const { entries } = await claimOutbox(database, { limit: 10, leaseSeconds: 30 });

      expect(entries).toHaveLength(1);
      expect(entries[0]).toMatchObject({ ...message, attempts: 1 });
    });

    test("hands out the oldest first, and never more than was asked for", async () => {
      const database = await open();
      const ids = [];
      for (let n = 0; n < 5; n++) ids.push((await send(database, { command: null })).id);

      const first = await claimOutbox(database, { limit: 3, leaseSeconds: 30 });
      const second = await claimOutbox(database, { limit: 3, leaseSeconds: 30 });

      expect(first.entries.map(({ id }) => id)).toEqual(ids.slice(0, 3));
      expect(second.entries.map(({ id }) => id)).toEqual(ids.slice(3));
    });

    test("gives each message to exactly one of many relays that ask at once", async () => {
      const database = await open();
      for (let n = 0; n < 40; n++) await send(database);

      const taken: string[] = [];
      while (taken.length < 40) {
        const claims = await Promise.all(
          Array.from({ length: 8 }, () => claimOutbox(database, { limit: 5, leaseSeconds: 30 })),
        );
        const round = claims.flatMap(({ entries }) => entries.map(({ id }) => id));
        expect(round.length).toBeGreaterThan(0);
        taken.push(...round);
      }

      expect(new Set(taken).size).toBe(40);
      expect(taken).toHaveLength(40);
    });

    test("forgets a delivered message", async () => {
      const database = await open();
      const { id } = await send(database);
      const { token } = await claimOutbox(database, { limit: 1, leaseSeconds: 30 });

      expect(await finishOutbox(database, id, token)).toBe(true);

      expect(await OutboxEntry.count()).toBe(0);
    });

    test("a relay that lost its claim can neither finish nor delay the message", async () => {
      const database = await open();
      const { id } = await send(database);
      const late = await claimOutbox(database, { limit: 1, leaseSeconds: 0 });
      const now = await claimOutbox(database, { limit: 1, leaseSeconds: 30 });

      expect(await finishOutbox(database, id, late.token)).toBe(false);
      expect(await retryOutbox(database, id, late.token, "late", 0)).toBe(false);

      expect(now.entries.map((entry) => [entry.id, entry.attempts])).toEqual([[id, 2]]);
      expect(await finishOutbox(database, id, now.token)).toBe(true);
    });

    test("a message that failed waits for its time, and says why", async () => {
      const database = await open();
      const { id } = await send(database);
      const { token } = await claimOutbox(database, { limit: 1, leaseSeconds: 30 });

      expect(await retryOutbox(database, id, token, "x".repeat(2000), 3600)).toBe(true);

      expect((await claimOutbox(database, { limit: 1, leaseSeconds: 30 })).entries).toEqual([]);
      expect((await OutboxEntry.findByPk(id))?.lastError).toHaveLength(1000);
      await OutboxEntry.update({ dueAt: past() }, { where: { id } });
      const again = await claimOutbox(database, { limit: 1, leaseSeconds: 30 });
      expect(again.entries.map((entry) => entry.attempts)).toEqual([2]);
    });
  });

  describe("an idempotency key", () => {
    const answer = {
      fingerprint: "f",
      status: 202,
      headers: { location: "/x" },
      body: '{"id":"é"}',
    };
    const makeCall = () => ({ accountId: newId(), operation: "uploadPackage", key: "k 1" });

    test("is given to exactly one of many equal calls", async () => {
      const database = await open();
      const call = makeCall();

      const claims = await Promise.all(
        Array.from({ length: 20 }, () => claimIdempotencyKey(database, call)),
      );

      const outcomes = claims.map(({ outcome }) => outcome).sort();
      expect(outcomes).toEqual(["claimed", ...Array.from({ length: 19 }, () => "in-flight")]);
    });

    test("gives back the kept answer", async () => {
      const database = await open();
      const call = makeCall();
      const claimed = await claimIdempotencyKey(database, call);
      if (claimed.outcome !== "claimed") throw new Error("not claimed");

      expect(await finishIdempotencyKey(database, claimed.claim, answer)).toBe(true);

      expect(await claimIdempotencyKey(database, call)).toEqual({ outcome: "done", ...answer });
    });

    test("is another one for another account, route or spelling", async () => {
      const database = await open();
      const call = makeCall();
      await claimIdempotencyKey(database, call);

      for (const other of [
        { ...call, accountId: newId() },
        { ...call, operation: "other" },
        { ...call, key: "K 1" },
        { ...call, key: "k 1 " },
      ]) {
        expect(await claimIdempotencyKey(database, other)).toMatchObject({ outcome: "claimed" });
      }
    });

    test("may be used again after the call was given up", async () => {
      const database = await open();
      const call = makeCall();
      const claimed = await claimIdempotencyKey(database, call);
      if (claimed.outcome !== "claimed") throw new Error("not claimed");

      await forgetIdempotencyKey(database, claimed.claim);

      expect(await claimIdempotencyKey(database, call)).toMatchObject({ outcome: "claimed" });
    });

    test("passes to the next call when its owner died, and the dead one's words count no more", async () => {
      const database = await open();
      const call = makeCall();
      const dead = await claimIdempotencyKey(database, call);
      if (dead.outcome !== "claimed") throw new Error("not claimed");
      await IdempotencyKey.update({ claimedUntil: past() }, { where: call });

      const next = await claimIdempotencyKey(database, call);

      expect(next.outcome).toBe("claimed");
      expect(await renewIdempotencyKey(database, dead.claim)).toBe(false);
      expect(await finishIdempotencyKey(database, dead.claim, answer)).toBe(false);
      await forgetIdempotencyKey(database, dead.claim);
      expect(await IdempotencyKey.count()).toBe(1);
    });

    test("stays with an owner who renews it", async () => {
      const database = await open();
      const call = makeCall();
      const claimed = await claimIdempotencyKey(database, call);
      if (claimed.outcome !== "claimed") throw new Error("not claimed");
      await IdempotencyKey.update({ claimedUntil: past() }, { where: call });

      expect(await renewIdempotencyKey(database, claimed.claim)).toBe(true);

      expect(await claimIdempotencyKey(database, call)).toEqual({ outcome: "in-flight" });
    });

    test("is forgotten when its time is up", async () => {
      const database = await open();
      const call = makeCall();
      const claimed = await claimIdempotencyKey(database, call);
      if (claimed.outcome !== "claimed") throw new Error("not claimed");
      await finishIdempotencyKey(database, claimed.claim, answer);

      expect(await forgetExpiredKeys(database)).toBe(0);
      expect(await forgetExpiredKeys(database, new Date(Date.now() + 25 * hour))).toBe(1);

      expect(await IdempotencyKey.count()).toBe(0);
    });
  });

  describe("a staged object", () => {
    const key = "packages/1/versions/1/original";
    const adopt = (database: Database) =>
      inTransaction(database, (transaction) => adoptStaged(key, transaction));

    test("is adopted once, in the transaction that points at it", async () => {
      const database = await open();
      await stageObject(database, key);

      await inTransaction(database, async (transaction) => {
        await adoptStaged(key, transaction);
        throw new Error("undone");
      }).catch(() => undefined);
      expect(await StagedObject.count()).toBe(1);
      await adopt(database);

      expect(await StagedObject.count()).toBe(0);
      await expect(adopt(database)).rejects.toThrow(StagedObjectGone);
    });

    test("is not swept while its lease is renewed", async () => {
      const database = await open();
      await stageObject(database, key);
      await StagedObject.update({ leasedUntil: past() }, { where: { key } });

      await renewStaged(database, key);

      expect(await expiredStaged(database)).toEqual([]);
      expect(await claimExpired(database, key)).toBe(false);
    });

    test("that outlived its lease is swept by one sweeper, and then cannot be adopted or renewed", async () => {
      const database = await open();
      await stageObject(database, key);
      expect(await expiredStaged(database, inAnHour())).toEqual([key]);
      const now = inAnHour();

      const claims = await Promise.all(
        Array.from({ length: 8 }, () => claimExpired(database, key, past())),
      );
      expect(claims).not.toContain(true);
      await StagedObject.update({ leasedUntil: past() }, { where: { key } });
      const sweepers = await Promise.all(
        Array.from({ length: 8 }, () => claimExpired(database, key)),
      );

      expect(sweepers.filter(Boolean)).toHaveLength(1);
      await expect(adopt(database)).rejects.toThrow(StagedObjectGone);
      await expect(renewStaged(database, key)).rejects.toThrow(StagedObjectGone);
      await expect(stageObject(database, key)).rejects.toThrow(StagedObjectGone);
      expect(await expiredStaged(database, now), "a sweeper may die too").toEqual([key]);
      await forgetStaged(database, key);
      await stageObject(database, key);
      await adopt(database);
    });

    test("goes either to its writer or to the sweeper, never to both", async () => {
      const database = await open();

      for (let round = 0; round < 10; round++) {
        await stageObject(database, key);
        await StagedObject.update({ leasedUntil: past() }, { where: { key } });
        const [adopted, swept] = await Promise.all([
          adopt(database).then(
            () => true,
            () => false,
          ),
          claimExpired(database, key),
        ]);
        expect([adopted, swept].filter(Boolean)).toHaveLength(1);
        await forgetStaged(database, key);
      }
    });

    test("is given up by its writer unless a row has adopted it, and then cannot be adopted", async () => {
      const database = await open();
      await stageObject(database, key);
      await adopt(database);
      expect(await abandonStaged(database, key)).toBe(false);

      await stageObject(database, key);
      expect(await abandonStaged(database, key)).toBe(true);

      await expect(adopt(database)).rejects.toThrow(StagedObjectGone);
      expect(await expiredStaged(database, inAnHour()), "its writer may die").toEqual([key]);
    });

    test("may be staged again by its own writer, as a repeated step does", async () => {
      const database = await open();
      await stageObject(database, key);

      await stageObject(database, key);

      await adopt(database);
      expect(await StagedObject.count()).toBe(0);
    });
  });

  describe("a counter", () => {
    test("begins at 1001, counts each name by itself, and takes back what was undone", async () => {
      const database = await open();
      const next = (name: string) =>
        inTransaction(database, (transaction) => nextSerial(name, transaction));

      expect(await next("a")).toBe(1001);
      await inTransaction(database, async (transaction) => {
        await nextSerial("a", transaction);
        throw new Error("undone");
      }).catch(() => undefined);

      expect(await next("a")).toBe(1002);
      expect(await next("b")).toBe(1001);
    });

    test("gives no number twice, also to those who are the first at the same time", async () => {
      const database = await open();

      for (let round = 0; round < 10; round++) {
        const numbers = await Promise.all(
          Array.from({ length: 12 }, () =>
            inTransaction(database, (transaction) => nextSerial(`round ${round}`, transaction)),
          ),
        );
        expect(numbers.toSorted((a, b) => a - b)).toEqual(
          Array.from({ length: 12 }, (_, n) => 1001 + n),
        );
      }
    });

    test("tells exactly one of many that it is the first", async () => {
      const database = await open();

      const answers = await Promise.all(
        Array.from({ length: 10 }, () =>
          inTransaction(database, (transaction) => isFirst("once", transaction)),
        ),
      );

      expect(answers.filter(Boolean)).toHaveLength(1);
    });
  });
});
