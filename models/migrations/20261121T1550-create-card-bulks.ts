import { count, id, json, moment, state, text } from "../columns.ts";
import type { Migration } from "./migration.ts";

/** What is ordered of many cards at once, and what became of each. */
export const createCardBulks: Migration = {
  name: "20261121T1550-create-card-bulks",

  async up({ createTable }) {
    await createTable(
      "card_bulks",
      {
        id: id({ primaryKey: true }),
        order: json(),
        filters: json(),
        asked: json(),
        reason: text(500, { allowNull: true }),
        state: state([]),
        total: count(),
        done: count(),
        refused: count(),
        undone: count(),
        kept: count(),
        reached: id({ allowNull: true }),
        account_id: id(),
        actor_name: text(100),
        error: text(500, { allowNull: true }),
        completed_at: moment({ allowNull: true }),
        created_at: moment(),
        updated_at: moment(),
      },
      [{ columns: ["created_at", "id"] }, { columns: ["account_id", "created_at", "id"] }],
    );
    const bulk = { references: { model: "card_bulks", key: "id" }, onDelete: "CASCADE" } as const;
    await createTable(
      "card_bulk_results",
      {
        bulk_id: id({ primaryKey: true, ...bulk }),
        card_id: id({ primaryKey: true }),
        outcome: state([]),
        reason: text(200, { allowNull: true }),
        before: json({ allowNull: true }),
        after: json({ allowNull: true }),
      },
      [{ columns: ["bulk_id", "outcome", "card_id"] }],
    );
  },

  async down({ dropTable }) {
    await dropTable("card_bulk_results");
    await dropTable("card_bulks");
  },
};
