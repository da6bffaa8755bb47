import type { Migration } from "./migration.ts";

const INDEXES = [
  { columns: ["deleted_at", "id"] },
  { columns: ["prefix", "state", "id"] },
  { columns: ["product_id", "state", "id"] },
  { columns: ["code_tail", "id"] },
  { columns: ["machine_code", "id"] },
  { columns: ["note", "id"] },
];
/** What the new ones begin with. */
const REPLACED = [
  { columns: ["deleted_at"] },
  { columns: ["prefix", "id"] },
  { columns: ["code_tail"] },
  { columns: ["machine_code"] },
];

/** The lists of cards are read by indexes that hold them in order; so are batches by their notes. */
export const indexCards: Migration = {
  name: "20261121T1540-index-cards",

  async up({ addIndexes, dropIndexes }) {
    await addIndexes("cards", INDEXES);
    await addIndexes("card_batches", [{ columns: ["note"] }]);
    await dropIndexes("cards", REPLACED);
  },

  async down({ addIndexes, dropIndexes }) {
    await addIndexes("cards", REPLACED);
    await dropIndexes("card_batches", [{ columns: ["note"] }]);
    await dropIndexes("cards", INDEXES);
  },
};
