import { bytes, count, id, text } from "../columns.ts";
import type { Migration } from "./migration.ts";

export const countDownloads: Migration = {
  name: "20261121T1120-count-downloads",

  async up({ createTable }) {
    await createTable("package_downloads", {
      package_id: id({ primaryKey: true }),
      day: text(10, { primaryKey: true }),
      version: text(50, { primaryKey: true }),
      channel: text(20, { primaryKey: true }),
      downloads: count(),
      bytes: bytes(),
    });
  },

  down: ({ dropTable }) => dropTable("package_downloads"),
};
