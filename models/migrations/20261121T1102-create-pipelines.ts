import { SHIPPED_PIPELINES } from "../../domain/shipped-pipelines.ts";
import { count, id, json, longText, moment, text } from "../columns.ts";
import type { Migration } from "./migration.ts";

const RUN = {
  pipeline: text(50, { allowNull: true }),
  pipeline_version: count({ allowNull: true }),
};
const PACKAGE = { pipeline: text(50, { allowNull: true }) };
const REPORT = { tools: json({ allowNull: true }), known_references: json({ allowNull: true }) };

/** What is done to packages becomes data: pipelines with versions, of which each run says the one it went through. */
export const createPipelines: Migration = {
  name: "20261121T1102-create-pipelines",

  async up({ createTable, addColumns, queryInterface, transaction }) {
    await createTable("pipelines", {
      name: text(50, { primaryKey: true }),
      version: count(),
      deleted_at: moment({ allowNull: true }),
      created_at: moment(),
      updated_at: moment(),
    });
    await createTable("pipeline_versions", {
      name: text(50, { primaryKey: true }),
      version: count({ primaryKey: true }),
      definition: longText(),
      saved_by_id: id({ allowNull: true }),
      saved_by: text(255),
      created_at: moment(),
    });
    const now = new Date();
    const shipped = Object.entries(SHIPPED_PIPELINES);
    const once = { transaction, ignoreDuplicates: true };
    await queryInterface.bulkInsert(
      "pipelines",
      shipped.map(([name]) => ({ name, version: 1, created_at: now, updated_at: now })),
      once,
    );
    await queryInterface.bulkInsert(
      "pipeline_versions",
      shipped.map(([name, pipeline]) => {
        const definition = JSON.stringify(pipeline);
        return { name, version: 1, definition, saved_by: "longhaul", created_at: now };
      }),
      once,
    );
    await addColumns("packages", PACKAGE);
    await addColumns("package_runs", RUN);
    await addColumns("worker_reports", REPORT);
  },

  async down({ dropColumns, dropTable }) {
    await dropColumns("worker_reports", Object.keys(REPORT));
    await dropColumns("package_runs", Object.keys(RUN));
    await dropColumns("packages", Object.keys(PACKAGE));
    await dropTable("pipeline_versions");
    await dropTable("pipelines");
  },
};
