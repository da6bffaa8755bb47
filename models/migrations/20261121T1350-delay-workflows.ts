import { moment } from "../columns.ts";
import type { Migration } from "./migration.ts";

/** A transaction may order a workflow for later. */
export const delayWorkflows: Migration = {
  name: "20261121T1350-delay-workflows",

  async up({ addColumns }) {
    await addColumns("outbox_entries", { start_at: moment({ allowNull: true }) });
  },

  async down({ dropColumns }) {
    await dropColumns("outbox_entries", ["start_at"]);
  },
};
