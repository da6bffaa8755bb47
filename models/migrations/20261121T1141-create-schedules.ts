import { count, flag, id, longText, moment, text } from "../columns.ts";
import type { Migration } from "./migration.ts";

/** A package may be built again at intervals. */
export const createSchedules: Migration = {
  name: "20261121T1141-create-schedules",

  async up({ createTable }) {
    await createTable("package_schedules", {
      package_id: id({ primaryKey: true }),
      channel: text(20),
      interval_seconds: count(),
      anchored_at: moment(),
      is_paused: flag(),
      set_by_id: id(),
      set_by: text(255),
      last_tick_id: id({ allowNull: true }),
      last_tick_at: moment({ allowNull: true }),
      last_run_id: id({ allowNull: true }),
      last_skip_reason: longText({ allowNull: true }),
      skipped_ticks: count({ defaultValue: 0 }),
      created_at: moment(),
      updated_at: moment(),
    });
  },

  async down({ dropTable }) {
    await dropTable("package_schedules");
  },
};
