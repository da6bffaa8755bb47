import { count, id, longText, moment, serial, text } from "../columns.ts";
import type { Migration } from "./migration.ts";

/** Everybody can follow what becomes of their things, and hear later what they missed. */
export const createFeeds: Migration = {
  name: "20261121T1700-create-feeds",

  async up({ createTable }) {
    await createTable("feeds", {
      account_id: id({ primaryKey: true }),
      last_seq: serial(),
      forgotten_seq: serial({ defaultValue: 0 }),
    });
    await createTable(
      "feed_frames",
      {
        account_id: id({ primaryKey: true }),
        seq: serial({ primaryKey: true }),
        event: text(32),
        kind: text(32, { allowNull: true }),
        task_id: id({ allowNull: true }),
        body: longText(),
        created_at: moment(),
      },
      [{ columns: ["created_at", "account_id", "seq"] }],
    );
    await createTable(
      "feed_tasks",
      {
        id: id({ primaryKey: true }),
        account_id: id(),
        kind: text(32),
        state: text(20),
        status_seq: serial(),
        status_event: text(32),
        status_body: longText(),
        phase: text(32, { allowNull: true }),
        permille: count({ allowNull: true }),
        progress_seq: serial({ allowNull: true }),
        progress_body: longText({ allowNull: true }),
        ended_at: moment({ allowNull: true }),
        created_at: moment(),
        updated_at: moment(),
      },
      [
        { columns: ["account_id", "ended_at", "status_seq"] },
        { columns: ["account_id", "progress_seq"] },
        { columns: ["ended_at"] },
      ],
    );
  },

  async down({ dropTable }) {
    for (const table of ["feed_tasks", "feed_frames", "feeds"]) await dropTable(table);
  },
};
