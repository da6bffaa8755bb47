import { count, flag, id, longText, moment, state, text } from "../columns.ts";
import type { Migration } from "./migration.ts";

const BY_NUMBER = { columns: ["package_id", "number"], unique: true };
/** Not unique: runs that have no turn yet, or take none, share the number 0. */
const BY_CHANNEL = { columns: ["package_id", "channel", "number"] };
const POINTERS = ["last_number", "publishing_number", "live_number", "live_version_id"];

/** Each package's one link becomes the first of its channels; versions get what decides about their doors. */
export const addChannels: Migration = {
  name: "20261121T1020-add-channels",

  async up({ createTable, addColumns, dropColumns, hasColumn, addIndexes, dropIndexes, run }) {
    const channel = text(20, { defaultValue: "stable" });
    await createTable(
      "package_channels",
      {
        package_id: id({ primaryKey: true }),
        name: text(20, { primaryKey: true }),
        last_number: count(),
        publishing_number: count(),
        live_number: count(),
        live_version_id: id({ allowNull: true }),
        created_at: moment(),
        updated_at: moment(),
      },
      [{ columns: ["name", "package_id"] }],
    );
    if (await hasColumn("packages", "live_version_id")) {
      await run(`INSERT INTO package_channels
        (package_id, name, ${POINTERS.join(", ")}, created_at, updated_at)
        SELECT id, 'stable', ${POINTERS.join(", ")}, created_at, updated_at FROM packages
        WHERE NOT EXISTS (SELECT 1 FROM package_channels c WHERE c.package_id = packages.id)`);
    }
    await dropColumns("packages", POINTERS);
    await addColumns("packages", {
      latest_run_id: id({ allowNull: true }),
      deleted_at: moment({ allowNull: true }),
    });
    await run(`UPDATE packages SET latest_run_id = (SELECT r.id FROM package_runs r
      WHERE r.package_id = packages.id ORDER BY r.number DESC LIMIT 1)`);
    await addColumns("package_versions", {
      channel,
      is_draft: flag({ defaultValue: false }),
      publish_at: moment({ allowNull: true }),
      verdict: state([], { defaultValue: "clear" }),
      yanked_at: moment({ allowNull: true }),
      yank_reason: longText({ allowNull: true }),
      fallback_version_id: id({ allowNull: true }),
    });
    await addColumns("package_runs", { channel, publish_at: moment({ allowNull: true }) });
    await addIndexes("package_runs", [BY_CHANNEL]);
    await dropIndexes("package_runs", [BY_NUMBER]);
  },

  async down({ addColumns, addIndexes, dropColumns, dropIndexes, dropTable, run }) {
    await run("DELETE FROM package_runs WHERE number = 0 OR channel <> 'stable'");
    await dropIndexes("package_runs", [BY_CHANNEL]);
    await addIndexes("package_runs", [BY_NUMBER]);
    await dropColumns("package_runs", ["channel", "publish_at"]);
    await dropColumns("package_versions", [
      "channel",
      "is_draft",
      "publish_at",
      "verdict",
      "yanked_at",
      "yank_reason",
      "fallback_version_id",
    ]);
    await dropColumns("packages", ["latest_run_id", "deleted_at"]);
    await addColumns("packages", {
      last_number: count({ defaultValue: 0 }),
      publishing_number: count({ defaultValue: 0 }),
      live_number: count({ defaultValue: 0 }),
      live_version_id: id({ allowNull: true }),
    });
    for (const pointer of POINTERS) {
      const kept = `SELECT ${pointer} FROM package_channels c WHERE c.package_id = packages.id AND c.name = 'stable'`;
      await run(`UPDATE packages SET ${pointer} = (${kept}) WHERE EXISTS (${kept})`);
    }
    await dropTable("package_channels");
  },
};
