import type { Migration } from "./migration.ts";

const INDEXES = [{ columns: ["note", "state", "id"] }];
const REPLACED = [{ columns: ["note", "id"] }];

/** Many cards have one note: those of them that are in one state are found without the others. */
export const indexCardNotes: Migration = {
  name: "20261121T1545-index-card-notes",

  async up({ addIndexes, dropIndexes }) {
    await addIndexes("cards", INDEXES);
    await dropIndexes("cards", REPLACED);
  },

  async down({ addIndexes, dropIndexes }) {
    await addIndexes("cards", REPLACED);
    await dropIndexes("cards", INDEXES);
  },
};
