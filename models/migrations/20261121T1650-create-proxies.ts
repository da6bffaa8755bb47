import { FIRST_POLICY } from "../../domain/proxies.ts";
import { count, id, json, longText, moment, serial, state, text } from "../columns.ts";
import type { Migration } from "./migration.ts";

const tally = () => count({ defaultValue: 0 });
const times = { created_at: moment(), updated_at: moment() };

/** The pool of proxies, their leases, how they are chosen, and cookies. */
export const createProxies: Migration = {
  name: "20261121T1650-create-proxies",

  async up({ createTable, queryInterface, transaction }) {
    await createTable("proxies", PROXY, [
      { columns: ["serial"], unique: true },
      { columns: ["host", "port", "gone"], unique: true },
      { columns: ["gone", "status", "risk_score"] },
    ]);
    await createTable("proxy_leases", LEASE, [
      { columns: ["proxy_id", "slot"], unique: true },
      { columns: ["task_id", "created_at"] },
      { columns: ["state", "ends_at"] },
      { columns: ["released_at"] },
    ]);
    await createTable("proxy_policies", {
      scope: text(20, { primaryKey: true }),
      terms: json(),
      failures: tally(),
      rests_until: moment({ allowNull: true }),
      checked_at: moment({ allowNull: true }),
      complaint: text(500, { allowNull: true }),
      ...times,
    });
    await createTable("cookies", COOKIE, [
      { columns: ["serial"], unique: true },
      { columns: ["platform", "use_count"] },
    ]);
    const now = new Date();
    const policy = { scope: "global", terms: JSON.stringify(FIRST_POLICY), failures: 0 };
    await queryInterface.bulkInsert(
      "proxy_policies",
      [{ ...policy, created_at: now, updated_at: now }],
      { transaction, ignoreDuplicates: true } as object,
    );
  },

  async down({ dropTable }) {
    for (const table of ["cookies", "proxy_policies", "proxy_leases", "proxies"]) {
      await dropTable(table);
    }
  },
};

const PROXY = {
  id: id({ primaryKey: true }),
  serial: serial(),
  host: text(255),
  port: count(),
  gone: text(36),
  protocol: state([]),
  username: text(100, { allowNull: true }),
  password: text(1000, { allowNull: true }),
  region: text(50, { allowNull: true }),
  priority: count(),
  platform_tags: text(255, { allowNull: true }),
  remark: text(255, { allowNull: true }),
  status: state([]),
  max_concurrent: count(),
  success_count: tally(),
  fail_count: tally(),
  consecutive_fail_count: tally(),
  risk_score: tally(),
  last_used_at: moment({ allowNull: true }),
  cooldown_until: moment({ allowNull: true }),
  last_error_category: state([], { allowNull: true }),
  last_fail_at: moment({ allowNull: true }),
  ...times,
};

const LEASE = {
  id: id({ primaryKey: true }),
  task_id: text(64),
  source: state([]),
  stage: state([]),
  platform: text(50, { allowNull: true }),
  state: state([]),
  proxy_id: id({ allowNull: true }),
  slot: count({ allowNull: true }),
  host: text(255, { allowNull: true }),
  port: count({ allowNull: true }),
  protocol: state([], { allowNull: true }),
  username: text(100, { allowNull: true }),
  password: text(1000, { allowNull: true }),
  ends_at: moment(),
  fault: state([], { allowNull: true }),
  reason: text(500, { allowNull: true }),
  released_at: moment({ allowNull: true }),
  created_at: moment(),
};

const COOKIE = {
  id: id({ primaryKey: true }),
  serial: serial(),
  platform: text(50),
  name: text(100),
  content: longText(),
  expire_at: moment({ allowNull: true }),
  frozen_until: moment({ allowNull: true }),
  freeze_seconds: tally(),
  last_used_at: moment({ allowNull: true }),
  use_count: tally(),
  success_count: tally(),
  fail_count: tally(),
  ...times,
};
