import { flag, json, moment, text } from "../columns.ts";
import type { Migration } from "./migration.ts";

/** Newest first, and by name, each by itself and with each filter; all by name is the unique key. */
const FILTERS = ["role", "is_active", "is_service"];
const PEOPLE_LISTS = [
  ["created_at", "id"],
  ...FILTERS.flatMap((equal) => [
    [equal, "created_at", "id"],
    [equal, "username"],
  ]),
].map((columns) => ({ columns }));

/** What was one permission and is two from here on: keys that had it keep all that they could do. */
const SPLIT = {
  "packages:publish": "packages:run",
  "packages:administer": "packages:resolve",
  "audit:read": "audit:export",
};

/** Roles that administrators make, accounts of services, and lists of people that an index holds in order. */
export const createRoles: Migration = {
  name: "20261121T1400-create-roles",

  async up({ addColumns, addIndexes, createTable, run }) {
    await createTable("roles", {
      name: text(20, { primaryKey: true }),
      description: text(200),
      permissions: json(),
      created_at: moment(),
      updated_at: moment(),
    });
    await addColumns("accounts", { is_service: flag({ defaultValue: false }) });
    await addIndexes("accounts", PEOPLE_LISTS);
    for (const [old, added] of Object.entries(SPLIT)) {
      await run(`UPDATE api_keys SET scopes = REPLACE(scopes, '"${old}"', '"${old}","${added}"')
        WHERE scopes LIKE '%"${old}"%' AND scopes NOT LIKE '%"${added}"%'`);
    }
  },

  async down({ dropColumns, dropIndexes, dropTable, run }) {
    for (const added of Object.values(SPLIT)) {
      await run(`UPDATE api_keys SET scopes = REPLACE(scopes, ',"${added}"', '')`);
    }
    await dropIndexes("accounts", PEOPLE_LISTS);
    await dropColumns("accounts", ["is_service"]);
    await dropTable("roles");
  },
};
