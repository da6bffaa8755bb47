import { flag } from "../columns.ts";
import type { Migration } from "./migration.ts";

/** A package may demand that somebody else publishes what one has uploaded. */
export const demandApproval: Migration = {
  name: "20261121T1420-demand-approval",

  async up({ addColumns }) {
    await addColumns("packages", { requires_approval: flag({ defaultValue: false }) });
  },

  async down({ dropColumns }) {
    await dropColumns("packages", ["requires_approval"]);
  },
};
