import { count, flag, id, moment, state } from "../columns.ts";
import type { Migration } from "./migration.ts";

const OF_LISTS = [
  { columns: ["parent_id", "position"], unique: true },
  { columns: ["parent_id", "state"] },
  { columns: ["account_id", "parent_id", "created_at", "serial"] },
];

/** A list is ordered as one: its media are downloads of their own. */
export const addPlaylists: Migration = {
  name: "20261122T1790-add-playlists",

  async up({ addColumns, addIndexes }) {
    await addColumns("downloads", {
      kind: state([], { defaultValue: "media" }),
      parent_id: id({ allowNull: true }),
      position: count({ allowNull: true }),
      is_held_back: flag({ defaultValue: false }),
      listed_at: moment({ allowNull: true }),
      is_truncated: flag({ defaultValue: false }),
    });
    await addIndexes("downloads", OF_LISTS);
  },

  async down({ dropIndexes, dropColumns }) {
    await dropIndexes("downloads", OF_LISTS);
    await dropColumns("downloads", [
      "kind",
      "parent_id",
      "position",
      "is_held_back",
      "listed_at",
      "is_truncated",
    ]);
  },
};
