import { FIRST_PRICES } from "../../domain/billing.ts";
import { count, fen, id, json, moment, serial, state, text } from "../columns.ts";
import type { Migration } from "./migration.ts";

const FIRST_ID = "00000000-0000-7000-8000-000000000001";

/** Money: what everybody has, every movement of it, what is held for work, what is owed, and what things cost. */
export const createLedger: Migration = {
  name: "20261121T1300-create-ledger",

  async up({ createTable, queryInterface, transaction }) {
    await createTable("ledger_balances", {
      account_id: id({ primaryKey: true }),
      free_fen: fen(),
      held_fen: fen(),
      sequence: serial(),
      transactions: serial(),
      bills: serial(),
      created_at: moment(),
      updated_at: moment(),
    });
    await createTable(
      "ledger_entries",
      {
        account_id: id({ primaryKey: true }),
        sequence: serial({ primaryKey: true }),
        line: count({ primaryKey: true }),
        id: id(),
        operation_id: text(100),
        kind: state([]),
        book: state([]),
        amount_fen: fen(),
        balance_after_fen: fen(),
        transaction_number: serial({ allowNull: true }),
        bill_number: serial({ allowNull: true }),
        hold_id: id({ allowNull: true }),
        task_id: text(64, { allowNull: true }),
        description: text(500, { allowNull: true }),
        created_at: moment(),
      },
      [
        { columns: ["operation_id", "line"], unique: true },
        { columns: ["account_id", "transaction_number"], unique: true },
        { columns: ["account_id", "bill_number"], unique: true },
        { columns: ["created_at", "id"] },
      ],
    );
    await createTable(
      "holds",
      {
        id: id({ primaryKey: true }),
        account_id: id(),
        state: state([]),
        amount_fen: fen(),
        remaining_fen: fen(),
        captured_fen: fen(),
        refunded_fen: fen(),
        price_version: count({ allowNull: true }),
        task_id: text(64, { allowNull: true }),
        description: text(500, { allowNull: true }),
        expires_at: moment(),
        ended_at: moment({ allowNull: true }),
        created_at: moment(),
        updated_at: moment(),
      },
      [
        { columns: ["account_id", "state"] },
        { columns: ["state", "expires_at"] },
        { columns: ["created_at", "id"] },
        { columns: ["state", "created_at", "id"] },
      ],
    );
    await createTable(
      "shortfalls",
      {
        id: id({ primaryKey: true }),
        account_id: id(),
        hold_id: id(),
        operation_id: text(100),
        amount_fen: fen(),
        state: state([]),
        settled_at: moment({ allowNull: true }),
        created_at: moment(),
        updated_at: moment(),
      },
      [
        { columns: ["operation_id"], unique: true },
        { columns: ["created_at", "id"] },
        { columns: ["state", "created_at", "id"] },
      ],
    );
    await createTable(
      "recharges",
      {
        id: id({ primaryKey: true }),
        account_id: id(),
        method: state([]),
        state: state([]),
        amount_fen: fen(),
        description: text(500),
        provider_reference: text(64, { allowNull: true }),
        decided_by: text(100, { allowNull: true }),
        reason: text(500, { allowNull: true }),
        decided_at: moment({ allowNull: true }),
        created_at: moment(),
        updated_at: moment(),
      },
      [{ columns: ["created_at", "id"] }, { columns: ["state", "created_at", "id"] }],
    );
    await createTable(
      "prices",
      {
        id: id({ primaryKey: true }),
        version: count(),
        terms: json(),
        set_by: text(100),
        created_at: moment(),
      },
      [{ columns: ["version"], unique: true }],
    );
    const first = {
      id: FIRST_ID,
      version: 1,
      terms: JSON.stringify(FIRST_PRICES),
      set_by: "longhaul",
    };
    await queryInterface.bulkInsert("prices", [{ ...first, created_at: new Date() }], {
      transaction,
      ignoreDuplicates: true,
    } as object);
  },

  async down({ dropTable }) {
    for (const table of [
      "prices",
      "recharges",
      "shortfalls",
      "holds",
      "ledger_entries",
      "ledger_balances",
    ]) {
      await dropTable(table);
    }
  },
};
