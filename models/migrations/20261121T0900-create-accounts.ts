import { count, digest, flag, id, json, moment, text } from "../columns.ts";
import type { Migration } from "./migration.ts";

const account = { references: { model: "accounts", key: "id" }, onDelete: "CASCADE" } as const;

export const createAccounts: Migration = {
  name: "20261121T0900-create-accounts",

  async up({ createTable }) {
    await createTable(
      "accounts",
      {
        id: id({ primaryKey: true }),
        username: text(50),
        email: text(255, { allowNull: true }),
        phone: text(20, { allowNull: true }),
        password_hash: text(255),
        role: text(20),
        is_active: flag(),
        avatar: text(255, { allowNull: true }),
        member_level: count(),
        last_login_at: moment({ allowNull: true }),
        created_at: moment(),
        updated_at: moment(),
      },
      [
        { columns: ["username"], unique: true },
        { columns: ["email"], unique: true },
        { columns: ["phone"], unique: true },
      ],
    );

    await createTable(
      "sessions",
      {
        id: id({ primaryKey: true }),
        account_id: id(account),
        address: text(64),
        user_agent: text(255),
        last_used_at: moment(),
        expires_at: moment(),
        revoked_at: moment({ allowNull: true }),
        created_at: moment(),
      },
      [{ columns: ["account_id"] }, { columns: ["expires_at"] }],
    );

    await createTable(
      "refresh_tokens",
      {
        hash: digest({ primaryKey: true }),
        session_id: id({
          references: { model: "sessions", key: "id" },
          onDelete: "CASCADE",
        }),
        used_at: moment({ allowNull: true }),
        created_at: moment(),
      },
      [{ columns: ["session_id"] }],
    );

    await createTable(
      "api_keys",
      {
        id: id({ primaryKey: true }),
        account_id: id(account),
        name: text(100),
        prefix: text(32),
        last_four: text(4),
        hash: digest(),
        scopes: json(),
        expires_at: moment({ allowNull: true }),
        revoked_at: moment({ allowNull: true }),
        last_used_at: moment({ allowNull: true }),
        created_at: moment(),
      },
      [{ columns: ["prefix"], unique: true }, { columns: ["account_id", "created_at"] }],
    );
  },

  async down({ dropTable }) {
    for (const table of ["api_keys", "refresh_tokens", "sessions", "accounts"]) {
      await dropTable(table);
    }
  },
};
