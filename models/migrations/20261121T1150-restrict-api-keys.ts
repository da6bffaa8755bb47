import { flag, id, json, serial } from "../columns.ts";
import type { Migration } from "./migration.ts";

const BY_KEY = { columns: ["key_id"] };

/** Keys may be for single packages, and webhooks that such a key makes hear of these alone. */
export const restrictApiKeys: Migration = {
  name: "20261121T1150-restrict-api-keys",

  async up({ addColumns, addIndexes, createTable }) {
    await addColumns("api_keys", { is_restricted: flag({ defaultValue: false }) });
    await createTable(
      "api_key_packages",
      {
        key_id: id({ primaryKey: true }),
        package_id: id({ primaryKey: true }),
        serial: serial(),
        rights: json(),
      },
      [{ columns: ["package_id"] }],
    );
    await addColumns("webhooks", { key_id: id({ allowNull: true }) });
    await addIndexes("webhooks", [BY_KEY]);
  },

  async down({ dropColumns, dropIndexes, dropTable }) {
    await dropIndexes("webhooks", [BY_KEY]);
    await dropColumns("webhooks", ["key_id"]);
    await dropTable("api_key_packages");
    await dropColumns("api_keys", ["is_restricted"]);
  },
};
