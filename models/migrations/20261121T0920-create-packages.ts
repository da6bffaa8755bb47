import {
  bytes,
  count,
  digest,
  flag,
  id,
  json,
  longText,
  moment,
  serial,
  state,
  text,
} from "../columns.ts";
import type { Migration } from "./migration.ts";

const TYPES = ["apk", "ipa", "zip"];

export const createPackages: Migration = {
  name: "20261121T0920-create-packages",

  async up({ createTable }) {
    await createTable(
      "packages",
      {
        id: id({ primaryKey: true }),
        serial: serial(),
        name: text(100),
        description: longText({ allowNull: true }),
        type: state(TYPES),
        is_distributing: flag(),
        last_number: count(),
        publishing_number: count(),
        live_number: count(),
        live_version_id: id({ allowNull: true }),
        created_at: moment(),
        updated_at: moment(),
      },
      [
        { columns: ["serial"], unique: true },
        { columns: ["name"], unique: true },
        { columns: ["created_at", "id"] },
      ],
    );
    await createTable(
      "package_versions",
      {
        id: id({ primaryKey: true }),
        package_id: id(),
        version: text(50),
        description: longText({ allowNull: true }),
        state: state(["processing", "ready", "failed"]),
        file_name: text(255),
        original_key: text(500),
        original_bytes: bytes(),
        original_sha256: digest(),
        artefact_key: text(500, { allowNull: true }),
        artefact_bytes: bytes({ allowNull: true }),
        artefact_sha256: digest({ allowNull: true }),
        facts: json({ allowNull: true }),
        created_at: moment(),
        updated_at: moment(),
      },
      [
        { columns: ["package_id", "version"], unique: true },
        { columns: ["package_id", "created_at", "id"] },
      ],
    );
    await createTable(
      "package_runs",
      {
        id: id({ primaryKey: true }),
        package_id: id(),
        version_id: id(),
        kind: state(["upload", "rollback"]),
        number: count(),
        state: state([]),
        reason: longText({ allowNull: true }),
        parked_in: text(255, { allowNull: true }),
        log_key: text(500, { allowNull: true }),
        requested_by_id: id(),
        requested_by: text(255),
        request_id: text(255),
        created_at: moment(),
        updated_at: moment(),
        started_at: moment({ allowNull: true }),
        ended_at: moment({ allowNull: true }),
        cleared_at: moment({ allowNull: true }),
      },
      [
        { columns: ["package_id", "number"], unique: true },
        { columns: ["package_id", "created_at", "id"] },
        { columns: ["cleared_at", "ended_at"] },
      ],
    );
    await createTable("package_steps", {
      run_id: id({ primaryKey: true }),
      position: count(),
      name: text(20, { primaryKey: true }),
      state: state([]),
      attempts: count(),
      exit_code: count({ allowNull: true }),
      reason: longText({ allowNull: true }),
      output_sha256: digest({ allowNull: true }),
      started_at: moment(),
      ended_at: moment({ allowNull: true }),
    });
    await createTable("package_log_chunks", {
      run_id: id({ primaryKey: true }),
      sequence: count({ primaryKey: true }),
      offset: bytes(),
      bytes: count(),
      text: longText(),
    });
  },

  async down({ dropTable }) {
    const tables = ["log_chunks", "steps", "runs", "versions"].map((table) => `package_${table}`);
    for (const table of [...tables, "packages"]) await dropTable(table);
  },
};
