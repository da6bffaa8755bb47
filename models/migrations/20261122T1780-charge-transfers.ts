import { bytes, count, fen, id, moment } from "../columns.ts";
import type { Migration } from "./migration.ts";

/** What goes out of a download's file is added up, so that all of it rounds once. */
export const chargeTransfers: Migration = {
  name: "20261122T1780-charge-transfers",

  async up({ createTable }) {
    await createTable("download_traffic", {
      download_id: id({ primaryKey: true }),
      price_version: count(),
      bytes_out: bytes(),
      charged_fen: fen(),
      created_at: moment(),
      updated_at: moment(),
    });
  },

  async down({ dropTable }) {
    await dropTable("download_traffic");
  },
};
