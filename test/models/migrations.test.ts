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

  test("the one link of an existing package becomes its stable channel, and back again", async () => {
    const database = await openPlace(await place());
    const { sequelize } = database;
    const before = MIGRATIONS.findIndex(({ name }) => name.endsWith("add-channels"));
    await migrate(database, MIGRATIONS.slice(0, before));
    const [now, live] = ["'2026-01-01 00:00:00'", "'00000000-0000-7000-8000-000000000002'"];
    await sequelize.query(
      `INSERT INTO packages VALUES ('p', 1001, 'Demo', NULL, 'zip', 1, 7, 6, 5, ${live}, ${now}, ${now})`,
    );
    const rows = (sql: string) => sequelize.query(sql, { type: QueryTypes.SELECT });

    await migrate(database, MIGRATIONS.slice(0, before + 1));

    expect(
      await rows(
        "SELECT name, last_number, publishing_number, live_number, live_version_id FROM package_channels",
      ),
    ).toEqual([
      {
        name: "stable",
        last_number: 7,
        publishing_number: 6,
        live_number: 5,
        live_version_id: "00000000-0000-7000-8000-000000000002",
      },
    ]);
    await rollbackMigrations(database, 1, MIGRATIONS.slice(0, before + 1));
    expect(await rows("SELECT name, last_number, live_number FROM packages")).toEqual([
      { name: "Demo", last_number: 7, live_number: 5 },
    ]);
  });

  test("existing packages get the status that clients were told", async () => {
    const database = await openPlace(await place());
    const { sequelize } = database;
    const before = MIGRATIONS.findIndex(({ name }) => name.endsWith("index-lists"));
    await migrate(database, MIGRATIONS.slice(0, before));
    const now = "'2026-01-01 00:00:00'";
    const insert = (table: string, columns: string, values: string) =>
      sequelize.query(`INSERT INTO ${table} (${columns}) VALUES (${values})`);
    for (const [serial, run] of ["queued", "running", "failed", "failed"].entries()) {
      const id = `'p${serial}'`;
      const columns =
        "id, serial, name, type, is_distributing, latest_run_id, created_at, updated_at";
      await insert("packages", columns, `${id}, ${serial}, ${id}, 'zip', 1, ${id}, ${now}, ${now}`);
      const ids =
        "id, package_id, version_id, kind, number, requested_by_id, requested_by, request_id";
      await insert(
        "package_runs",
        `${ids}, state, created_at, updated_at`,
        `${id}, ${id}, ${id}, 'upload', 1, 'a', 'a', 'r', '${run}', ${now}, ${now}`,
      );
    }
    const original = "file_name, original_key, original_bytes, original_sha256";
    await insert(
      "package_versions",
      `id, package_id, version, state, ${original}, created_at, updated_at`,
      `'v', 'p3', '1', 'ready', 'f', 'k', 1, 'd', ${now}, ${now}`,
    );
    await insert(
      "package_channels",
      "package_id, name, last_number, publishing_number, live_number, live_version_id, created_at, updated_at",
      `'p3', 'stable', 1, 1, 1, 'v', ${now}, ${now}`,
    );

    await migrate(database, MIGRATIONS.slice(0, before + 1));

    const rows = await sequelize.query<{ status: string }>(
      "SELECT status FROM packages ORDER BY serial",
      { type: QueryTypes.SELECT },
    );
    expect(rows.map(({ status }) => status)).toEqual([
      "pending",
      "processing",
      "processed_failed",
      "processed_success",
    ]);
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
