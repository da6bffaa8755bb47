import { flag } from "../columns.ts";
import type { Migration } from "./migration.ts";

const TABLES = ["card_bulks", "card_imports"];
const ENDED = [{ columns: ["has_results", "completed_at"] }];

/** What became of each card of a bulk, and of each line of an import, is removed some time after its end. */
export const forgetCardResults: Migration = {
  name: "20261121T1770-forget-card-results",

  async up({ addColumns, addIndexes }) {
    for (const table of TABLES) {
      await addColumns(table, { has_results: flag({ defaultValue: true }) });
      await addIndexes(table, ENDED);
    }
  },

  async down({ dropColumns, dropIndexes }) {
    for (const table of TABLES) {
      await dropIndexes(table, ENDED);
      await dropColumns(table, ["has_results"]);
    }
  },
};
