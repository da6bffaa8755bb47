import { bytes, digest, id, moment, text } from "../columns.ts";
import type { Migration } from "./migration.ts";

/** A second proof at sign-in, and what stands in for it when the phone is lost. */
export const createTotp: Migration = {
  name: "20261121T1250-create-totp",

  async up({ createTable }) {
    await createTable("totp_secrets", {
      account_id: id({ primaryKey: true }),
      sealed: text(255),
      confirmed_at: moment({ allowNull: true }),
      last_step: bytes(),
      created_at: moment(),
    });
    await createTable(
      "recovery_codes",
      {
        hash: digest({ primaryKey: true }),
        account_id: id(),
        used_at: moment({ allowNull: true }),
        created_at: moment(),
      },
      [{ columns: ["account_id"] }],
    );
  },

  async down({ dropTable }) {
    await dropTable("recovery_codes");
    await dropTable("totp_secrets");
  },
};
