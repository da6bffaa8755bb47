import { bytes, count, digest, flag, id, json, moment, state, text } from "../columns.ts";
import type { Migration } from "./migration.ts";

const BY_MEDIA = [{ columns: ["media_id", "state"] }];

/** What several downloads want is fetched once. */
export const shareMedia: Migration = {
  name: "20261122T1730-share-media",

  async up({ createTable, addColumns, addIndexes }) {
    await createTable(
      "shared_media",
      {
        id: id({ primaryKey: true }),
        wish_hash: digest(),
        open_hash: digest({ allowNull: true }),
        download_id: id(),
        state: state([]),
        wanted_by: count(),
        object_key: text(300),
        file_name: text(255, { allowNull: true }),
        bytes: bytes({ allowNull: true }),
        md5: text(32, { allowNull: true }),
        sha256: digest({ allowNull: true }),
        failure: json({ allowNull: true }),
        ended_at: moment({ allowNull: true }),
        created_at: moment(),
        updated_at: moment(),
      },
      [{ columns: ["open_hash"], unique: true }],
    );
    await addColumns("downloads", {
      media_id: id({ allowNull: true }),
      is_sharing: flag({ defaultValue: false }),
    });
    await addIndexes("downloads", BY_MEDIA);
  },

  async down({ dropTable, dropIndexes, dropColumns }) {
    await dropIndexes("downloads", BY_MEDIA);
    await dropColumns("downloads", ["media_id", "is_sharing"]);
    await dropTable("shared_media");
  },
};
