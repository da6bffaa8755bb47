import { bytes, digest, id, moment, text } from "../columns.ts";
import type { Migration } from "./migration.ts";

/** Disks that workers write to, and who may fill how much of them. */
export const createDisks: Migration = {
  name: "20261121T1710-create-disks",

  async up({ createTable }) {
    await createTable("disks", {
      id: digest({ primaryKey: true }),
      name: text(300),
      capacity_bytes: bytes(),
      used_bytes: bytes(),
      leased_bytes: bytes({ defaultValue: 0 }),
      warned_at: moment({ allowNull: true }),
      seen_at: moment(),
    });
    await createTable(
      "disk_leases",
      {
        holder: id({ primaryKey: true }),
        disk: digest(),
        bytes: bytes(),
        ends_at: moment(),
        created_at: moment(),
      },
      [{ columns: ["disk"] }, { columns: ["ends_at"] }],
    );
  },

  async down({ dropTable }) {
    for (const table of ["disk_leases", "disks"]) await dropTable(table);
  },
};
