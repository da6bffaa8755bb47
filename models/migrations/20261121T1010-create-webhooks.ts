import { count, id, json, longText, moment, state, text } from "../columns.ts";
import type { Migration } from "./migration.ts";

export const createWebhooks: Migration = {
  name: "20261121T1010-create-webhooks",

  async up({ createTable }) {
    await createTable(
      "webhooks",
      {
        id: id({ primaryKey: true }),
        owner_id: id(),
        url: text(1000),
        events: json(),
        description: text(500, { allowNull: true }),
        state: state([]),
        reason: text(500, { allowNull: true }),
        secret: text(255),
        previous_secret: text(255, { allowNull: true }),
        previous_until: moment({ allowNull: true }),
        created_at: moment(),
        updated_at: moment(),
      },
      [
        { columns: ["owner_id", "created_at", "id"] },
        { columns: ["created_at", "id"] },
        { columns: ["state"] },
      ],
    );
    await createTable(
      "webhook_deliveries",
      {
        id: id({ primaryKey: true }),
        webhook_id: id(),
        event_id: id(),
        event: text(64),
        body: longText(),
        state: state([]),
        round: count(),
        attempts: count(),
        last_status: count({ allowNull: true }),
        reason: text(500, { allowNull: true }),
        next_attempt_at: moment({ allowNull: true }),
        ended_at: moment({ allowNull: true }),
        created_at: moment(),
        updated_at: moment(),
      },
      [
        { columns: ["webhook_id", "event_id"], unique: true },
        { columns: ["webhook_id", "created_at", "id"] },
        { columns: ["webhook_id", "state", "created_at", "id"] },
        { columns: ["ended_at"] },
      ],
    );
    await createTable("webhook_attempts", {
      delivery_id: id({ primaryKey: true }),
      round: count({ primaryKey: true }),
      number: count({ primaryKey: true }),
      started_at: moment(),
      duration_ms: count(),
      status: count({ allowNull: true }),
      error: text(500, { allowNull: true }),
      excerpt: longText({ allowNull: true }),
    });
  },

  async down({ dropTable }) {
    for (const table of ["webhook_attempts", "webhook_deliveries", "webhooks"]) {
      await dropTable(table);
    }
  },
};
