import { count, id, moment, serial, state, text } from "../columns.ts";
import type { Migration } from "./migration.ts";

/** Gates before hosts and platforms, who is behind them and who waits. */
export const createGates: Migration = {
  name: "20261121T1651-create-gates",

  async up({ createTable }) {
    await createTable("gates", {
      key: text(270, { primaryKey: true }),
      places: count({ allowNull: true }),
      rate_points: count({ allowNull: true }),
      rate_seconds: count({ allowNull: true }),
      closed_until: moment({ allowNull: true }),
      reason: text(500, { allowNull: true }),
      strikes: count({ defaultValue: 0 }),
      used_until: serial({ defaultValue: 0 }),
      created_at: moment(),
      updated_at: moment(),
    });
    await createTable(
      "gate_passes",
      {
        gate: text(270, { primaryKey: true }),
        holder: id({ primaryKey: true }),
        ends_at: moment(),
        created_at: moment(),
      },
      [{ columns: ["holder"] }],
    );
    await createTable(
      "gate_waiters",
      {
        gate: text(270, { primaryKey: true }),
        holder: id({ primaryKey: true }),
        reason: state([]),
        until: moment(),
        created_at: moment(),
      },
      [{ columns: ["holder"] }],
    );
  },

  async down({ dropTable }) {
    for (const table of ["gate_waiters", "gate_passes", "gates"]) await dropTable(table);
  },
};
