import { QueryTypes } from "sequelize";
import { expect, test } from "vitest";
import type { Database } from "../../models/database.ts";
import { text } from "../../models/columns.ts";
import { MIGRATIONS } from "../../models/migrations/index.ts";
import type { Migration } from "../../models/migrations/migration.ts";
import { migrate, pendingMigrations, rollbackMigrations } from "../../models/schema.ts";
import { describeDatabases, openPlace } from "../support/database.ts";

const names = MIGRATIONS.map(({ name }) => name);

async function tables({ sequelize }: Database): Promise<string[]> {
  return (await sequelize.getQueryInterface().showAllTables()).sort();
}

describeDatabases(({ place }) => {
  test("a new database has everything pending, and nothing after it was migrated", async () => {
    const database = await openPlace(await place());
    expect(await pendingMigrations(database)).toEqual(names);

    expect(await migrate(database)).toEqual(names);

    expect(await pendingMigrations(database)).toEqual([]);
    expect(await migrate(database)).toEqual([]);
  });

  test("every migration can be taken back and run again", async () => {
    const database = await openPlace(await place());
    await migrate(database);
    const before = await tables(database);

    expect(await rollbackMigrations(database, names.length)).toEqual(names.toReversed());

    expect(await tables(database)).toEqual(["migrations"]);
    await migrate(database);
    expect(await tables(database)).toEqual(before);
  });

  test("every model finds its table and all its columns", async () => {
    const database = await openPlace(await place());
    await migrate(database);

    for (const model of Object.values(database.sequelize.models)) {
      await expect(model.findAll(), model.name).resolves.toBeInstanceOf(Array);
      const columns = await database.sequelize.getQueryInterface().describeTable(model.tableName);
      const attributes = Object.values(model.getAttributes());
      expect(new Set(attributes.map(({ field }) => field)), model.name).toEqual(
        new Set(Object.keys(columns)),
      );
      for (const { field, allowNull } of attributes) {
        expect(columns[field!]?.allowNull, `${model.name}.${field}`).toBe(allowNull);
      }
    }
  });

  test("two processes that migrate at once do it once", async () => {
    const where = await place();
    const [one, other] = [await openPlace(where), await openPlace(where)];

    const ran = await Promise.all([migrate(one), migrate(other)]);

    expect(ran.map((list) => list.length).toSorted((a, b) => a - b)).toEqual([0, names.length]);
  });

  test("a migration that was cut short runs again to its end", async () => {
    const database = await openPlace(await place());
    let breaks = true;
    const brittle: Migration = {
      name: "20990101T0000-brittle",
      up: async ({ createTable }) => {
        await createTable("first", { name: text(10, { primaryKey: true }) }, [
          { columns: ["name"], unique: true },
        ]);
        if (breaks) throw new Error("power cut");
        await createTable("second", { name: text(10, { primaryKey: true }) });
      },
      down: async () => {},
    };
    await expect(migrate(database, [brittle])).rejects.toThrow("power cut");
    expect(await pendingMigrations(database, [brittle])).toEqual([brittle.name]);
    breaks = false;

    await migrate(database, [brittle]);

    expect(await tables(database)).toEqual(["first", "migrations", "second"]);
  });

  test("foreign keys are kept: what belongs to nobody cannot be stored", async () => {
    const database = await openPlace(await place());
    await migrate(database);

    const orphan = database.sequelize.query(
      "INSERT INTO refresh_tokens (hash, session_id, created_at) VALUES ('a', 'b', '2026-01-01')",
      { type: QueryTypes.INSERT },
    );

    await expect(orphan).rejects.toMatchObject({ name: "SequelizeForeignKeyConstraintError" });
  });
});
