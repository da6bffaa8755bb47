import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { createConnection } from "mysql2/promise";
import { QueryTypes } from "sequelize";
import { expect, test, vi } from "vitest";
import { checkDatabase, databaseWarnings, inTransaction, isTaken } from "../../models/database.ts";
import { Counter, nextSerial } from "../../models/operations.ts";
import { describeDatabases, describeMariadb, openPlace } from "../support/database.ts";
import { promisesAreFollowed } from "../support/promises.ts";
import { migrate } from "../../models/schema.ts";

describeDatabases(({ open, place }) => {
  test("fifty transactions at once all succeed, and none loses another's change", async () => {
    const database = await open();

    const numbers = await Promise.all(
      Array.from({ length: 50 }, () =>
        inTransaction(database, (transaction) => nextSerial("test", transaction)),
      ),
    );

    expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, n) => 1001 + n));
  });

  test("two processes that write at the same time both succeed", async () => {
    const where = await place();
    await migrate(await openPlace(where));
    const writer = fileURLToPath(new URL("../support/writer.ts", import.meta.url));

    const ends = await Promise.all(
      [1, 2].map(async () => {
        const child = fork(writer, [JSON.stringify(where), "100"], {
          execArgv: ["--import", "tsx"],
        });
        return once(child, "exit");
      }),
    );

    expect(ends.map(([code]) => code as number)).toEqual([0, 0]);
    const counter = await Counter.findByPk("shared");
    expect(counter?.value).toBe(1000 + 200);
  });

  test("single writes and transactions mix without blocking each other", async () => {
    const database = await open();

    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        n % 2
          ? Counter.create({ name: `single ${n}`, value: n })
          : inTransaction(database, (transaction) =>
              Counter.create({ name: `whole ${n}`, value: n }, { transaction }),
            ),
      ),
    );

    expect(await Counter.count()).toBe(20);
  });

  test("a failed transaction leaves nothing, and the next one goes on", async () => {
    const database = await open();

    const failed = inTransaction(database, async (transaction) => {
      await Counter.create({ name: "half", value: 1 }, { transaction });
      throw new Error("changed my mind");
    });

    await expect(failed).rejects.toThrow("changed my mind");
    expect(await Counter.count()).toBe(0);
    await inTransaction(database, (transaction) =>
      Counter.create({ name: "whole", value: 1 }, { transaction }),
    );
    expect(await Counter.count()).toBe(1);
  });

  test("a transaction inside a transaction throws instead of waiting for itself", async () => {
    const database = await open();

    const nested = inTransaction(database, () =>
      inTransaction(database, (transaction) => nextSerial("inner", transaction)),
    );

    await expect(nested).rejects.toThrow("hand it on");
  });

  test("what promises lead to is followed while a transaction runs, and no longer", async () => {
    const database = await open();

    const during = await inTransaction(database, () => promisesAreFollowed());
    const failing = inTransaction(database, () => Promise.reject(new Error("no")));
    await expect(failing).rejects.toThrow("no");

    expect([during, await promisesAreFollowed()]).toEqual([true, false]);
  });

  test("a statement that forgot the transaction around it throws instead of waiting for it", async () => {
    const database = await open();

    const forgot = inTransaction(database, () => Counter.create({ name: "lost", value: 1 }));

    await expect(forgot).rejects.toThrow("must be handed the transaction");
    expect(await Counter.count()).toBe(0);
  });

  test("a transaction that does not go through inTransaction is refused", async () => {
    const database = await open();

    await expect(database.sequelize.transaction()).rejects.toThrow("inTransaction");
  });

  test("an update counts the rows it matched, changed or not", async () => {
    await open();
    await Counter.create({ name: "same", value: 7 });

    const [matched] = await Counter.update({ value: 7 }, { where: { name: "same" } });

    expect(matched).toBe(1);
  });

  test("names are compared exactly: letter case, accents, emoji and trailing spaces count", async () => {
    await open();
    const names = [
      "a",
      "A",
      "e",
      "é",
      "e\u0301",
      "a ",
      " a",
      "ß",
      "ss",
      "😀",
      "😁",
      "名",
      "名 ",
      "ﬀ",
    ];

    for (const name of names) await Counter.create({ name, value: 1 });

    expect(await Counter.count()).toBe(names.length);
    for (const name of names) {
      const found = await Counter.findAll({ where: { name } });
      expect(found.map((row) => row.name)).toEqual([name]);
    }
    await expect(Counter.create({ name: "é", value: 2 })).rejects.toSatisfy(isTaken);
  });

  test("text that is too long is refused and not cut", async () => {
    await open();

    await expect(Counter.create({ name: "x".repeat(51), value: 1 })).rejects.toThrow(/len/);
  });

  test("numbers up to 2^53 come back as numbers", async () => {
    await open();

    await Counter.create({ name: "large", value: Number.MAX_SAFE_INTEGER });

    const row = await Counter.findByPk("large");
    expect(row?.value).toBe(Number.MAX_SAFE_INTEGER);
  });

  test("transactions that wait for each other in a ring both succeed in the end", async () => {
    const database = await open();
    for (const name of ["a", "b"]) await Counter.create({ name, value: 0 });
    const both = (first: string, second: string) =>
      inTransaction(database, async (transaction) => {
        await Counter.increment("value", { where: { name: first }, transaction });
        await new Promise((resolve) => setTimeout(resolve, 20));
        await Counter.increment("value", { where: { name: second }, transaction });
      });

    await Promise.all([both("a", "b"), both("b", "a"), both("a", "b"), both("b", "a")]);

    expect((await Counter.findAll()).map(({ value }) => value)).toEqual([4, 4]);
  });

  test("a question finds what was written before it, whoever asks, and a wrong one is told", async () => {
    const database = await open();
    const ask = (name: string) =>
      database.ask<{ value: number }>("SELECT value FROM counters WHERE name = ?", [name]);
    const names = Array.from({ length: 20 }, (_, n) => `asked ${n}`);
    await Counter.bulkCreate(names.map((name, value) => ({ name, value })));

    const answers = await Promise.all(names.map(ask));

    expect(answers).toEqual(names.map((_, value) => [{ value }]));
    await expect(ask("nothing")).resolves.toEqual([]);
    await expect(database.ask("SELECT value FROM nowhere", [])).rejects.toThrow(/nowhere/);
    await Counter.update({ value: 70 }, { where: { name: "asked 7" } });
    await expect(ask("asked 7")).resolves.toEqual([{ value: 70 }]);
  });

  test("things that many look up by their key are found, each by its own", async () => {
    const database = await open();
    const lookup = {
      question: "SELECT name, value FROM counters WHERE name IN (?)",
      column: "name",
    };
    const lookUp = (name: string) => database.lookUp<{ value: number }>(lookup, name);
    const names = Array.from({ length: 40 }, (_, n) => `looked up ${n}`);
    await Counter.bulkCreate(names.map((name, value) => ({ name, value })));

    const found = await Promise.all([...names, "nothing"].map(lookUp));

    expect(found.map((row) => row?.value)).toEqual([...names.keys(), undefined]);
    const wrong = { question: "SELECT name FROM nowhere WHERE name IN (?)", column: "name" };
    await expect(database.lookUp(wrong, "a")).rejects.toThrow(/nowhere/);
  });

  test("readiness asks the database itself", async () => {
    const database = await openPlace(await place());

    await expect(checkDatabase(database)).resolves.toBeUndefined();
  });

  test("no statement and no value is printed", async () => {
    const printed = vi.spyOn(console, "log");
    await open();

    await Counter.create({ name: "secret", value: 1 });

    expect(printed).not.toHaveBeenCalled();
    printed.mockRestore();
  });
});

describeMariadb(({ open, place }) => {
  test("a transaction whose connection was lost runs again on another one", async () => {
    const where = await place();
    const database = await openPlace(where);
    await migrate(database);
    const operator = await createConnection(where.url!);
    let runs = 0;

    const number = await inTransaction(database, async (transaction) => {
      const given = await nextSerial("test", transaction);
      if (++runs === 1) {
        const [row] = await database.sequelize.query<{ id: number }>(
          "SELECT CONNECTION_ID() AS id",
          { type: QueryTypes.SELECT, transaction },
        );
        await operator.query(`KILL ${row!.id}`);
        await nextSerial("test", transaction);
      }
      return given;
    });

    await operator.end();
    expect([number, runs]).toEqual([1001, 2]);
    expect((await Counter.findByPk("test"))?.value).toBe(1001);
  });

  test("a question whose connection was lost is asked again on another one", async () => {
    const where = await place();
    const database = await openPlace(where);
    const operator = await createConnection(where.url!);
    const asker = "SELECT CONNECTION_ID() AS id";
    const [first] = await database.ask<{ id: number }>(asker, []);

    const asked = database.ask(`SELECT IF(CONNECTION_ID() = ?, SLEEP(60), 7) AS woken`, [
      first!.id,
    ]);
    await vi.waitFor(async () => {
      const [rows] = await operator.query("SHOW PROCESSLIST");
      expect(rows).toContainEqual(expect.objectContaining({ Id: first!.id, Command: "Execute" }));
    });
    await operator.query(`KILL ${first!.id}`);

    await expect(asked).resolves.toEqual([{ woken: 7 }]);
    await expect(database.ask(asker, [])).resolves.not.toEqual([first]);
    await operator.end();
  });

  test("a server that keeps what it acknowledged gives no cause for a warning", async () => {
    expect(await databaseWarnings(await open())).toEqual([]);
  });
});
