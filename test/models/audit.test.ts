import { Op, type Options, QueryTypes } from "sequelize";
import { describe, expect, test } from "vitest";
import { type Database, inTransaction } from "../../models/database.ts";
import { MIGRATIONS } from "../../models/migrations/index.ts";
import {
  AuditEntry,
  AuditHead,
  type ChainedContent,
  chainHash,
  CHAIN_START,
  nextSerial,
  recordAudit,
  verifyAudit,
} from "../../models/operations.ts";
import { page } from "../../models/paging.ts";
import { migrate } from "../../models/schema.ts";
import { newId } from "../../platform/crypto.ts";
import { describeDatabases, openPlace } from "../support/database.ts";

const what = { actor: null, action: "test.made", subjectKind: "test" };

async function note(database: Database, subjectId: string, after: unknown = { n: subjectId }) {
  await inTransaction(database, (transaction) =>
    recordAudit({ ...what, subjectId, after }, transaction),
  );
}

async function noteAll(database: Database, count: number): Promise<void> {
  for (let n = 1; n <= count; n++) await note(database, `${n}`);
}

/** A statement as somebody with a database client would run it. */
async function tamper({ sequelize }: Database, sql: string): Promise<void> {
  await sequelize.query(sql);
}

const entriesInOrder = () => AuditEntry.findAll({ order: [["sequence", "ASC"]] });

describeDatabases(({ open, place }) => {
  describe("the audit chain", () => {
    test("numbers its entries without a gap, whatever was undone between them", async () => {
      const database = await open();
      await note(database, "a");
      await inTransaction(database, async (transaction) => {
        await recordAudit({ ...what, subjectId: "b" }, transaction);
        throw new Error("undone");
      }).catch(() => undefined);

      await note(database, "c");

      const entries = await entriesInOrder();
      expect(entries.map(({ sequence, subjectId }) => [sequence, subjectId])).toEqual([
        [1, "a"],
        [2, "c"],
      ]);
      expect(await verifyAudit(database)).toMatchObject({ whole: true, head: { sequence: 2 } });
    });

    test("stays one unbroken chain when transactions of several processes end at the same time", async () => {
      const where = await place();
      const processes = [await openPlace(where), await openPlace(where)];
      await migrate(processes[0]!);

      await Promise.all(
        Array.from({ length: 40 }, (_, n) =>
          inTransaction(processes[n % 2]!, async (transaction) => {
            await nextSerial(`round ${n % 3}`, transaction);
            await recordAudit({ ...what, subjectId: `${n}` }, transaction);
            if (n % 5 === 4) throw new Error("undone");
          }).catch(() => undefined),
        ),
      );

      const entries = await entriesInOrder();
      expect(entries.map(({ sequence }) => sequence)).toEqual(
        Array.from({ length: 32 }, (_, n) => n + 1),
      );
      expect(await verifyAudit(processes[0]!)).toMatchObject({ whole: true });
    });

    test("survives transactions that lock the same rows in another order", async () => {
      const database = await open();
      await inTransaction(database, (transaction) => nextSerial("row", transaction));

      await Promise.all(
        Array.from({ length: 12 }, (_, n) =>
          inTransaction(database, async (transaction) => {
            if (n % 2) await nextSerial("row", transaction);
            await recordAudit({ ...what, subjectId: `${n}` }, transaction);
            if (n % 2 === 0) await nextSerial("row", transaction);
          }),
        ),
      );

      expect(await verifyAudit(database)).toMatchObject({ whole: true, head: { sequence: 12 } });
    });

    test("holds what a database keeps differently: no value, half a character, many lines", async () => {
      const database = await open();
      const actor = { accountId: newId(), name: "half \ud800 of it" };
      const after = { text: "é\u0000\r\n\ud83d", list: [null, 1e21, -0], 2: 1, 1: 2 };

      await inTransaction(database, (transaction) =>
        recordAudit({ ...what, actor, subjectId: "名 ", before: null, after }, transaction),
      );

      expect(await verifyAudit(database)).toMatchObject({ whole: true });
    });

    test("is whole when it is empty", async () => {
      const head = { sequence: 0, hash: CHAIN_START };

      expect(await verifyAudit(await open())).toEqual({ whole: true, head });
    });
  });

  describe("verifying the audit chain", () => {
    test.each([
      ["who did it", "UPDATE audit_entries SET actor_name = 'eve' WHERE sequence = 3"],
      ["when it was", "UPDATE audit_entries SET created_at = '2026-01-01' WHERE sequence = 3"],
      ["what came of it", `UPDATE audit_entries SET after = '{"n":"4"}' WHERE sequence = 3`],
      ["what was forgotten", "UPDATE audit_entries SET after = NULL WHERE sequence = 3"],
      ["which one it is", `UPDATE audit_entries SET id = '${newId()}' WHERE sequence = 3`],
    ])("finds an entry that was edited: %s", async (_, sql) => {
      const database = await open();
      await noteAll(database, 5);

      await tamper(database, sql);

      const verdict = await verifyAudit(database);
      expect(verdict).toMatchObject({ whole: false, fault: "edited", sequence: 3 });
    });

    test("finds text that was moved from one field into the next", async () => {
      const database = await open();
      await note(database, "12");

      await tamper(
        database,
        "UPDATE audit_entries SET subject_kind = 'test1', subject_id = '2' WHERE sequence = 1",
      );

      expect(await verifyAudit(database)).toMatchObject({ whole: false, sequence: 1 });
    });

    test("finds an edit whose own hash was made to fit", async () => {
      const database = await open();
      await noteAll(database, 5);
      await rewriteFrom(database, 3, 3);

      const verdict = await verifyAudit(database);

      expect(verdict).toMatchObject({ whole: false, fault: "edited", sequence: 4 });
    });

    test("finds an entry that was removed from the middle, also when the rest moved up", async () => {
      const database = await open();
      await noteAll(database, 5);

      await tamper(database, "DELETE FROM audit_entries WHERE sequence = 2");
      const removed = await verifyAudit(database);
      for (const n of [3, 4, 5]) {
        await tamper(
          database,
          `UPDATE audit_entries SET sequence = ${n - 1} WHERE sequence = ${n}`,
        );
      }
      const closed = await verifyAudit(database);

      expect(removed).toMatchObject({ whole: false, fault: "missing", sequence: 2, id: null });
      expect(closed).toMatchObject({ whole: false, fault: "edited", sequence: 2 });
    });

    test("finds an entry that was put before the first or after the last", async () => {
      const database = await open();
      await noteAll(database, 2);
      const [entry] = await entriesInOrder();
      const copy = (sequence: number) =>
        AuditEntry.create({ ...entry!.get({ plain: true }), id: newId(), sequence });

      const first = await copy(0);
      expect(await verifyAudit(database)).toEqual({
        whole: false,
        fault: "inserted",
        sequence: 0,
        id: first.id,
      });
      await first.destroy();
      await copy(3);

      expect(await verifyAudit(database)).toMatchObject({ fault: "not-counted", sequence: 3 });
    });

    test("finds that the newest entries were cut off", async () => {
      const database = await open();
      await noteAll(database, 5);

      await tamper(database, "DELETE FROM audit_entries WHERE sequence > 3");

      const verdict = await verifyAudit(database);
      expect(verdict).toEqual({ whole: false, fault: "cut-off", sequence: 4, id: null });
    });

    test("finds that the note of where the chain ends was changed or removed", async () => {
      const database = await open();
      await noteAll(database, 3);

      await tamper(database, `UPDATE audit_heads SET hash = '${CHAIN_START}'`);
      const changed = await verifyAudit(database);
      await tamper(database, "DELETE FROM audit_heads");

      expect(changed).toMatchObject({ whole: false, sequence: 3 });
      expect(await verifyAudit(database)).toMatchObject({ whole: false, fault: "no-head" });
      await expect(note(database, "4")).rejects.toThrow("the end of the audit chain is gone");
    });

    test("needs a place noted elsewhere to find an end that was cut off together with the head", async () => {
      const database = await open();
      await noteAll(database, 5);
      const before = await verifyAudit(database);
      if (!before.whole) throw new Error("broken from the start");

      await tamper(database, "DELETE FROM audit_entries WHERE sequence > 3");
      await setHeadToLast(database);

      expect(await verifyAudit(database)).toMatchObject({ whole: true });
      const verdict = await verifyAudit(database, before.head);
      expect(verdict).toMatchObject({ whole: false, fault: "cut-off", sequence: 4 });
    });

    test("needs a place noted elsewhere to find a chain that was written anew", async () => {
      const database = await open();
      await noteAll(database, 5);
      const before = await verifyAudit(database);
      if (!before.whole) throw new Error("broken from the start");
      await note(database, "6");
      expect(await verifyAudit(database, before.head)).toMatchObject({ whole: true });

      await rewriteFrom(database, 2);
      await setHeadToLast(database);

      expect(await verifyAudit(database)).toMatchObject({ whole: true });
      const verdict = await verifyAudit(database, before.head);
      expect(verdict).toMatchObject({ whole: false, fault: "not-the-anchor", sequence: 5 });
    });

    test("goes through page after page, beside those who write", async () => {
      const database = await open();
      await inTransaction(database, async (transaction) => {
        for (let n = 0; n < 1050; n++) {
          await recordAudit({ ...what, subjectId: `${n}` }, transaction);
        }
      });
      const seen: number[] = [];

      const [verdict] = await Promise.all([
        verifyAudit(database, undefined, (entries) => seen.push(entries)),
        noteAll(database, 20),
      ]);

      expect(verdict).toMatchObject({ whole: true });
      expect(seen).toEqual([1000]);
    });
  });

  describe("the list of audit entries", () => {
    test.each([
      ["nothing", {}],
      ["an action", { action: "test.made" }],
      ["an actor", { actorId: newId() }],
      ["a subject", { subjectId: "7" }],
      ["a kind of subject", { subjectKind: "test" }],
      ["one subject of a kind", { subjectKind: "package", subjectId: "7" }],
      ["a time", { createdAt: { [Op.gte]: new Date(0), [Op.lt]: new Date() } }],
    ])("is read by an index, whatever it is narrowed to: %s", async (_, where) => {
      const database = await open();
      await noteAll(database, 30);
      await tamper(
        database,
        "ANALYZE".concat(database.dialect === "mysql" ? " TABLE audit_entries" : ""),
      );
      const { next } = await page(AuditEntry, { limit: 1 });

      const asked = await statementsOf(database, () =>
        page(AuditEntry, { where, limit: 5, after: next! }),
      );

      expect(asked).toHaveLength(1);
      expect(await scansOf(database, asked[0]!)).toEqual([]);
    });
  });

  describe("the migration that chains the audit", () => {
    test("gives entries that were there before their places, oldest first", async () => {
      const database = await openPlace(await place());
      const until = MIGRATIONS.findIndex(({ name }) => name.endsWith("-chain-audit"));
      await migrate(database, MIGRATIONS.slice(0, until));
      for (const day of [3, 1, 2]) await insertUnchained(database, day);

      await migrate(database);

      const entries = await entriesInOrder();
      expect(entries.map(({ sequence, subjectId }) => [sequence, subjectId])).toEqual([
        [1, "1"],
        [2, "2"],
        [3, "3"],
      ]);
      expect(await verifyAudit(database)).toMatchObject({ whole: true, head: { sequence: 3 } });
      await note(database, "4");
      expect(await verifyAudit(database)).toMatchObject({ whole: true, head: { sequence: 4 } });
    });
  });
});

/** Changes entry `from` and makes the hashes fit again, up to entry `to`: what a careful forger does. */
async function rewriteFrom(database: Database, from: number, to = Infinity): Promise<void> {
  const rows = await AuditEntry.findAll({ order: [["sequence", "ASC"]], raw: true });
  const entries = rows as (ChainedContent & { hash: string })[];
  let previous = entries[from - 2]!.hash;
  for (const entry of entries.filter(({ sequence }) => sequence >= from && sequence <= to)) {
    previous = chainHash(previous, { ...entry, actorName: "eve" });
    await tamper(
      database,
      `UPDATE audit_entries SET actor_name = 'eve', hash = '${previous}' WHERE sequence = ${entry.sequence}`,
    );
  }
}

/** The SQL that `body` makes. */
async function statementsOf(
  { sequelize }: Database,
  body: () => Promise<unknown>,
): Promise<string[]> {
  const statements: string[] = [];
  const { options } = sequelize as unknown as { options: Pick<Options, "logging"> };
  options.logging = (sql) => statements.push(sql.replace(/^Executing \([^)]*\): /, ""));
  await body();
  options.logging = false;
  return statements;
}

/** The steps of the database's plan that read a table from end to end. */
async function scansOf({ sequelize, dialect }: Database, sql: string): Promise<unknown[]> {
  const explain = dialect === "sqlite" ? "EXPLAIN QUERY PLAN" : "EXPLAIN";
  const steps = await sequelize.query<{ detail?: string; type?: string }>(`${explain} ${sql}`, {
    type: QueryTypes.SELECT,
  });
  return steps.filter(
    ({ detail = "", type }) => type === "ALL" || /^SCAN (?!.*USING INDEX)/.test(detail),
  );
}

async function setHeadToLast(_database: Database): Promise<void> {
  const last = (await entriesInOrder()).at(-1)!;
  await AuditHead.update({ sequence: last.sequence, hash: last.hash }, { where: {} });
}

async function insertUnchained({ sequelize }: Database, day: number): Promise<void> {
  const values = `'${newId()}', 'ann', 'test.made', 'test', '${day}', '{"é":1}', '2026-01-0${day} 10:00:00.123'`;
  await sequelize.query(
    `INSERT INTO audit_entries (id, actor_name, action, subject_kind, subject_id, after, created_at) VALUES (${values})`,
    { type: QueryTypes.INSERT },
  );
}
