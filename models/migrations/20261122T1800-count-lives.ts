import { count } from "../columns.ts";
import type { Migration } from "./migration.ts";

/** What was told of a download that has failed since is not for the one that was begun anew. */
export const countLives: Migration = {
  name: "20261122T1800-count-lives",

  async up({ addColumns }) {
    await addColumns("downloads", { lives: count({ defaultValue: 0 }) });
  },

  async down({ dropColumns }) {
    await dropColumns("downloads", ["lives"]);
  },
};
