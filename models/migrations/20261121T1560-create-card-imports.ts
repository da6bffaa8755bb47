import { bytes, count, digest, flag, id, moment, serial, state, text } from "../columns.ts";
import type { Migration } from "./migration.ts";

/** Cards whose codes were made somewhere else. */
export const createCardImports: Migration = {
  name: "20261121T1560-create-card-imports",

  async up({ createTable }) {
    await createTable(
      "card_imports",
      {
        id: id({ primaryKey: true }),
        object_key: text(200),
        bytes: bytes(),
        reached: bytes(),
        digest: digest(),
        state: state([]),
        dry_run: flag(),
        lines: count(),
        imported: count(),
        duplicates: count(),
        faulty: count(),
        prefix: text(16, { allowNull: true }),
        policy_id: id({ allowNull: true }),
        product_id: id({ allowNull: true }),
        note: text(500, { allowNull: true }),
        usual_seconds: serial(),
        account_id: id(),
        actor_name: text(100),
        error: text(500, { allowNull: true }),
        completed_at: moment({ allowNull: true }),
        created_at: moment(),
        updated_at: moment(),
      },
      [{ columns: ["created_at", "id"] }, { columns: ["account_id", "created_at", "id"] }],
    );
    const whole = {
      references: { model: "card_imports", key: "id" },
      onDelete: "CASCADE",
    } as const;
    await createTable("card_import_faults", {
      import_id: id({ primaryKey: true, ...whole }),
      line: count({ primaryKey: true }),
      reason: text(200),
    });
  },

  async down({ dropTable }) {
    await dropTable("card_import_faults");
    await dropTable("card_imports");
  },
};
