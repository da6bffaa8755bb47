import { count, flag, moment } from "../columns.ts";
import type { Migration } from "./migration.ts";

const DAY_SECONDS = 86_400;

/** Packages say how many versions they keep, and versions whether they may go and when they went. */
export const addRetention: Migration = {
  name: "20261121T1140-add-retention",

  async up({ addColumns }) {
    await addColumns("packages", {
      retained_versions: count({ allowNull: true }),
      grace_seconds: count({ defaultValue: DAY_SECONDS }),
    });
    await addColumns("package_versions", {
      is_pinned: flag({ defaultValue: false }),
      removed_at: moment({ allowNull: true }),
    });
  },

  async down({ dropColumns, run }) {
    // Who comes back to what knows of no removal: these versions were built and cannot be had.
    await run("UPDATE package_versions SET state = 'failed' WHERE state = 'removed'");
    await dropColumns("package_versions", ["is_pinned", "removed_at"]);
    await dropColumns("packages", ["retained_versions", "grace_seconds"]);
  },
};
