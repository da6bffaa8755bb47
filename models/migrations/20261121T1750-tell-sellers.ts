import { count, id, moment, serial } from "../columns.ts";
import type { Migration } from "./migration.ts";

/** What sellers were told last of the cards that they sell. */
export const tellSellers: Migration = {
  name: "20261121T1750-tell-sellers",

  async up({ createTable }) {
    await createTable("card_news", {
      product_id: id({
        primaryKey: true,
        references: { model: "card_products", key: "id" },
        onDelete: "CASCADE",
      }),
      version: count({ defaultValue: 1 }),
      active: serial(),
      suspended: serial(),
      expired: serial(),
      banned: serial(),
      told_at: moment(),
    });
  },

  async down({ dropTable }) {
    await dropTable("card_news");
  },
};
