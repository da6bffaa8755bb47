import { count, digest, id, moment, text } from "../columns.ts";
import type { Migration } from "./migration.ts";

/** Addresses of people are proven by codes; a phone number that is not stands beside the one that counts. */
export const addVerification: Migration = {
  name: "20261121T1200-add-verification",

  async up({ addColumns, createTable }) {
    await addColumns("accounts", {
      email_verified_at: moment({ allowNull: true }),
      email_claimed_at: moment({ allowNull: true }),
      claimed_phone: text(20, { allowNull: true }),
    });
    await createTable(
      "verification_codes",
      {
        id: id({ primaryKey: true }),
        channel: text(20),
        address: text(255),
        hash: digest(),
        sealed: text(255, { allowNull: true }),
        tries: count(),
        expires_at: moment(),
        sent_at: moment({ allowNull: true }),
        used_at: moment({ allowNull: true }),
        created_at: moment(),
      },
      [{ columns: ["channel", "address"], unique: true }, { columns: ["expires_at"] }],
    );
  },

  async down({ dropColumns, dropTable }) {
    await dropTable("verification_codes");
    await dropColumns("accounts", ["email_verified_at", "email_claimed_at", "claimed_phone"]);
  },
};
