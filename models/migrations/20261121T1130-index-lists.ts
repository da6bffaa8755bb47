import { state } from "../columns.ts";
import type { Migration } from "./migration.ts";

/** Each sort of the list of packages by itself, and with each filter that many packages share. */
const PACKAGE_LISTS = [["created_at", "id"], ["updated_at", "id"], ["name"]].flatMap((sorted) =>
  [[], ["status"], ["type"]].map((equal) => ({ columns: ["deleted_at", ...equal, ...sorted] })),
);
const FORMER_PACKAGE_LIST = [{ columns: ["created_at", "id"] }];
const RUN_LISTS = ["state", "version_id"].map((equal) => ({
  columns: ["package_id", equal, "created_at", "id"],
}));
const FORMER_AUDIT_LISTS = ["action", "actor_id"].map((equal) => ({
  columns: [equal, "created_at"],
}));
const AUDIT_LISTS = FORMER_AUDIT_LISTS.map(({ columns }) => ({ columns: [...columns, "id"] }));

const FORMER_KEY_LIST = [{ columns: ["account_id", "created_at"] }];
const KEY_LIST = [{ columns: ["account_id", "created_at", "id"] }];

/** A package's status stands in its row, and every list and filter has an index that holds its rows in order. */
export const indexLists: Migration = {
  name: "20261121T1130-index-lists",

  async up({ addColumns, addIndexes, dropIndexes, run }) {
    await addColumns("packages", { status: state([], { defaultValue: "pending" }) });
    const shown = `EXISTS (SELECT 1 FROM package_channels c JOIN package_versions v ON v.id = c.live_version_id
      WHERE c.package_id = packages.id AND c.name = 'stable'
      AND (v.yanked_at IS NULL OR v.fallback_version_id IS NOT NULL))`;
    const latest = "(SELECT r.state FROM package_runs r WHERE r.id = packages.latest_run_id)";
    await run(`UPDATE packages SET status = CASE
      WHEN ${shown} THEN 'processed_success'
      WHEN ${latest} IN ('running', 'parked') THEN 'processing'
      WHEN ${latest} IN ('superseded', 'failed', 'cancelled') THEN 'processed_failed'
      ELSE 'pending' END`);
    await addIndexes("packages", PACKAGE_LISTS);
    await dropIndexes("packages", FORMER_PACKAGE_LIST);
    await addIndexes("package_runs", RUN_LISTS);
    await addIndexes("audit_entries", AUDIT_LISTS);
    await dropIndexes("audit_entries", FORMER_AUDIT_LISTS);
    await addIndexes("api_keys", KEY_LIST);
    await dropIndexes("api_keys", FORMER_KEY_LIST);
  },

  async down({ addIndexes, dropColumns, dropIndexes }) {
    await addIndexes("api_keys", FORMER_KEY_LIST);
    await dropIndexes("api_keys", KEY_LIST);
    await addIndexes("audit_entries", FORMER_AUDIT_LISTS);
    await dropIndexes("audit_entries", AUDIT_LISTS);
    await dropIndexes("package_runs", RUN_LISTS);
    await addIndexes("packages", FORMER_PACKAGE_LIST);
    await dropIndexes("packages", PACKAGE_LISTS);
    await dropColumns("packages", ["status"]);
  },
};
