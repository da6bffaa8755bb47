import {
  bytes,
  count,
  digest,
  id,
  json,
  longText,
  moment,
  serial,
  state,
  text,
} from "../columns.ts";
import type { Migration } from "./migration.ts";

const TABLES = [
  "download_tickets",
  "download_quotas",
  "media_parses",
  "download_attempts",
  "downloads",
];

export const createDownloads: Migration = {
  name: "20261121T1600-create-downloads",

  async up({ createTable }) {
    await createTable("downloads", DOWNLOADS, [
      { columns: ["serial"], unique: true },
      { columns: ["account_id", "created_at", "serial"] },
      { columns: ["account_id", "state", "created_at", "serial"] },
      { columns: ["account_id", "platform", "created_at", "serial"] },
      { columns: ["account_id", "bytes", "serial"] },
      { columns: ["state", "id"] },
    ]);
    await createTable("download_attempts", {
      download_id: id({ primaryKey: true }),
      number: count({ primaryKey: true }),
      tool_version: text(40),
      failure_class: text(20, { allowNull: true }),
      error_code: text(64, { allowNull: true }),
      error: text(500, { allowNull: true }),
      started_at: moment(),
      ended_at: moment({ allowNull: true }),
    });
    await createTable(
      "media_parses",
      {
        address_hash: digest({ primaryKey: true }),
        facts: longText(),
        source: longText(),
        tool_version: text(40),
        created_at: moment(),
        expires_at: moment(),
      },
      [{ columns: ["expires_at"] }],
    );
    await createTable("download_quotas", {
      account_id: id({ primaryKey: true }),
      day: text(10, { primaryKey: true }),
      used: count(),
    });
    await createTable(
      "download_tickets",
      {
        hash: digest({ primaryKey: true }),
        download_id: id(),
        account_id: id(),
        expires_at: moment(),
      },
      [{ columns: ["expires_at"] }],
    );
  },

  async down({ dropTable }) {
    for (const table of TABLES) await dropTable(table);
  },
};

const DOWNLOADS = {
  id: id({ primaryKey: true }),
  serial: serial(),
  account_id: id(),
  url: text(2048),
  platform: text(50),
  mode: state([]),
  quality: text(20),
  format: text(10),
  format_id: text(121, { allowNull: true }),
  state: state([]),
  version: count(),
  title: text(500, { allowNull: true }),
  author: text(200, { allowNull: true }),
  thumbnail: text(1000, { allowNull: true }),
  duration_ms: bytes({ allowNull: true }),
  waiting_for: text(20, { allowNull: true }),
  next_try_at: moment({ allowNull: true }),
  attempts: count(),
  error_code: text(64, { allowNull: true }),
  error: text(500, { allowNull: true }),
  progress: json({ allowNull: true }),
  object_key: text(300, { allowNull: true }),
  file_name: text(255, { allowNull: true }),
  bytes: bytes({ allowNull: true }),
  md5: text(32, { allowNull: true }),
  sha256: digest({ allowNull: true }),
  hold_id: id({ allowNull: true }),
  price_version: count({ allowNull: true }),
  started_at: moment({ allowNull: true }),
  completed_at: moment({ allowNull: true }),
  expire_at: moment({ allowNull: true }),
  deleted_at: moment({ allowNull: true }),
  created_at: moment(),
  updated_at: moment(),
};
