import { digest, id, longText, moment, text } from "../columns.ts";
import type { Migration } from "./migration.ts";

/** What waits for a person, newest first. */
const HELD = { columns: ["verdict", "created_at", "id"] };

/** What was found in versions and who approved it, and which bytes were scanned with which signatures. */
export const createFindings: Migration = {
  name: "20261121T1110-create-findings",

  async up({ addIndexes, createTable, run }) {
    await createTable(
      "package_findings",
      {
        id: id({ primaryKey: true }),
        package_id: id(),
        version_id: id(),
        run_id: id(),
        name: text(200),
        detail: longText(),
        sha256: digest(),
        scanner: text(100),
        signatures: text(200, { allowNull: true }),
        found_at: moment(),
        approved_at: moment({ allowNull: true }),
        approved_by: text(255, { allowNull: true }),
        approval_reason: longText({ allowNull: true }),
      },
      [
        { columns: ["version_id", "sha256", "name"], unique: true },
        { columns: ["package_id", "sha256"] },
      ],
    );
    await createTable("package_scans", {
      version_id: id({ primaryKey: true }),
      sha256: digest({ primaryKey: true }),
      signatures: digest({ primaryKey: true }),
      scanned_at: moment(),
    });
    await addIndexes("package_versions", [HELD]);
    await run("UPDATE package_versions SET verdict = 'pending' WHERE state = 'processing'");
  },

  async down({ dropIndexes, dropTable, run }) {
    // Before this nobody could look at what is held: nothing of it is to be published now either.
    await run("UPDATE package_versions SET verdict = 'clear' WHERE verdict = 'pending'");
    await run("UPDATE package_runs SET state = 'failed' WHERE state = 'quarantined'");
    await dropIndexes("package_versions", [HELD]);
    await dropTable("package_scans");
    await dropTable("package_findings");
  },
};
