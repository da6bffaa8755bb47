import { digest, id, moment, text } from "../columns.ts";
import type { Migration } from "./migration.ts";

/** Who signs in by an OpenID provider, and the sign-ins that are under way there. */
export const createOidc: Migration = {
  name: "20261121T1270-create-oidc",

  async up({ createTable }) {
    await createTable(
      "oidc_identities",
      {
        hash: digest({ primaryKey: true }),
        account_id: id(),
        issuer: text(255),
        subject: text(255),
        linked_at: moment(),
      },
      [{ columns: ["account_id"], unique: true }],
    );
    await createTable(
      "oidc_states",
      {
        hash: digest({ primaryKey: true }),
        sealed: text(1000),
        expires_at: moment(),
        created_at: moment(),
      },
      [{ columns: ["expires_at"] }],
    );
  },

  async down({ dropTable }) {
    await dropTable("oidc_states");
    await dropTable("oidc_identities");
  },
};
