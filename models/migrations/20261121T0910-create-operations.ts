import { count, flag, id, json, longText, moment, serial, state, text } from "../columns.ts";
import type { Migration } from "./migration.ts";

export const createOperations: Migration = {
  name: "20261121T0910-create-operations",

  async up({ createTable }) {
    await createTable(
      "audit_entries",
      {
        id: id({ primaryKey: true }),
        actor_id: id({ allowNull: true }),
        actor_name: text(100),
        action: text(64),
        subject_kind: text(32),
        subject_id: text(64),
        address: text(64, { allowNull: true }),
        request_id: text(128, { allowNull: true }),
        before: json({ allowNull: true }),
        after: json({ allowNull: true }),
        created_at: moment(),
      },
      [
        { columns: ["created_at", "id"] },
        { columns: ["subject_kind", "subject_id", "created_at"] },
        { columns: ["action", "created_at"] },
        { columns: ["actor_id", "created_at"] },
      ],
    );

    await createTable(
      "outbox_entries",
      {
        id: id({ primaryKey: true }),
        workflow: text(64),
        workflow_id: text(200),
        input: json(),
        command: json({ allowNull: true }),
        summary: text(200),
        kind: text(32),
        subject: text(64),
        headers: json(),
        attempts: count(),
        due_at: moment(),
        claimed_by: id({ allowNull: true }),
        claimed_until: moment({ allowNull: true }),
        last_error: text(1000, { allowNull: true }),
        created_at: moment(),
      },
      [{ columns: ["due_at", "id"] }, { columns: ["claimed_by"] }],
    );

    await createTable(
      "idempotency_keys",
      {
        account_id: id({ primaryKey: true }),
        operation: text(100, { primaryKey: true }),
        key: text(255, { primaryKey: true }),
        state: state(["claimed", "done"]),
        claimed_by: id(),
        claimed_until: moment(),
        fingerprint: text(128, { allowNull: true }),
        status: count({ allowNull: true }),
        headers: json({ allowNull: true }),
        body: longText({ allowNull: true }),
        expires_at: moment(),
        created_at: moment(),
      },
      [{ columns: ["expires_at"] }],
    );

    await createTable(
      "staged_objects",
      {
        key: text(500, { primaryKey: true }),
        sweeping: flag(),
        leased_until: moment(),
        created_at: moment(),
      },
      [{ columns: ["leased_until"] }],
    );

    await createTable("worker_reports", {
      id: text(200, { primaryKey: true }),
      queues: json(),
      builds_apks: flag(),
      warnings: json(),
      seen_at: moment(),
    });

    await createTable("counters", { name: text(50, { primaryKey: true }), value: serial() });
  },

  async down({ dropTable }) {
    for (const table of [
      "counters",
      "worker_reports",
      "staged_objects",
      "idempotency_keys",
      "outbox_entries",
      "audit_entries",
    ]) {
      await dropTable(table);
    }
  },
};
