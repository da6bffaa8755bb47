import { longText } from "../columns.ts";
import type { Migration } from "./migration.ts";

/** A run that is to end says why, before it has ended. */
export const addCancellations: Migration = {
  name: "20261121T1101-add-cancellations",

  async up({ addColumns }) {
    await addColumns("package_runs", { cancel_reason: longText({ allowNull: true }) });
  },

  async down({ dropColumns }) {
    await dropColumns("package_runs", ["cancel_reason"]);
  },
};
