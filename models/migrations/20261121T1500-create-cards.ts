import { CARD_SHARDS, NO_PRODUCT } from "../../domain/cards.ts";
import { count, digest, flag, id, json, moment, serial, state, text } from "../columns.ts";
import type { Migration } from "./migration.ts";

const product = { references: { model: "card_products", key: "id" } } as const;
const policy = { references: { model: "card_policies", key: "id" } } as const;
const card = { references: { model: "cards", key: "id" }, onDelete: "CASCADE" } as const;

/** Card keys: what they are for, by which terms, in which batches, on which machines, and how many there are. */
export const createCards: Migration = {
  name: "20261121T1500-create-cards",

  async up({ createTable, queryInterface, transaction }) {
    await createTable(
      "card_products",
      {
        id: id({ primaryKey: true }),
        slug: text(50),
        name: text(100),
        entitlements: json(),
        created_at: moment(),
        updated_at: moment(),
      },
      [{ columns: ["slug"], unique: true }],
    );
    await createTable(
      "card_sellers",
      {
        product_id: id({ primaryKey: true, ...product, onDelete: "CASCADE" }),
        account_id: id({
          primaryKey: true,
          references: { model: "accounts", key: "id" },
          onDelete: "CASCADE",
        }),
        created_at: moment(),
      },
      [{ columns: ["account_id"] }],
    );
    await createTable(
      "card_policies",
      {
        id: id({ primaryKey: true }),
        product_id: id({ allowNull: true, ...product }),
        name: text(100),
        term_seconds: serial({ allowNull: true }),
        start_basis: state([]),
        starts_at: moment({ allowNull: true }),
        max_machines: count(),
        machine_parts_required: count({ allowNull: true }),
        uses: count({ allowNull: true }),
        suspended_clock: state([]),
        notice_seconds: serial({ allowNull: true }),
        entitlements: json(),
        created_at: moment(),
        updated_at: moment(),
      },
      [{ columns: ["name"], unique: true }],
    );
    await createTable(
      "card_batches",
      {
        id: id({ primaryKey: true }),
        prefix: text(16),
        count: count(),
        generated: count(),
        state: state([]),
        frozen: flag(),
        revoked: flag(),
        code_length: count(),
        alphabet: state([]),
        policy_id: id({ allowNull: true, ...policy }),
        product_id: id({ allowNull: true, ...product }),
        note: text(500, { allowNull: true }),
        account_id: id({ allowNull: true }),
        error: text(500, { allowNull: true }),
        completed_at: moment({ allowNull: true }),
        created_at: moment(),
        updated_at: moment(),
      },
      [
        { columns: ["created_at", "id"] },
        { columns: ["state", "created_at", "id"] },
        { columns: ["prefix", "created_at", "id"] },
        { columns: ["product_id", "created_at", "id"] },
      ],
    );
    await createTable("cards", CARD, [
      { columns: ["code_hash"], unique: true },
      { columns: ["batch_id", "state", "id"] },
      { columns: ["state", "id"] },
      { columns: ["prefix", "id"] },
      { columns: ["product_id", "id"] },
      { columns: ["shard", "due_at", "timer"] },
      { columns: ["machine_code"] },
      { columns: ["code_tail"] },
      { columns: ["deleted_at"] },
    ]);
    await createTable(
      "card_machines",
      {
        card_id: id({ primaryKey: true, ...card }),
        slot: count({ primaryKey: true }),
        machine_code: text(128),
        machine_parts: json({ allowNull: true }),
        created_at: moment(),
      },
      [{ columns: ["card_id", "machine_code"], unique: true }, { columns: ["machine_code"] }],
    );
    await createTable("card_uses", {
      card_id: id({ primaryKey: true, ...card }),
      use_id: text(64, { primaryKey: true }),
      created_at: moment(),
    });
    await createTable("card_counts", {
      product_id: id({ primaryKey: true }),
      slot: count({ primaryKey: true }),
      ...Object.fromEntries(COUNTED.map((name) => [name, serial()])),
    });
    await createTable("card_wheels", {
      shard: text(2, { primaryKey: true }),
      wakes_at: moment({ allowNull: true }),
      updated_at: moment(),
    });

    const insert = (table: string, rows: object[]) =>
      queryInterface.bulkInsert(table, rows, { transaction, ignoreDuplicates: true } as object);
    const nothing = Object.fromEntries(COUNTED.map((name) => [name, 0]));
    const shards = [...Array(CARD_SHARDS).keys()];
    await insert(
      "card_counts",
      shards.map((slot) => ({ product_id: NO_PRODUCT, slot, ...nothing })),
    );
    await insert(
      "card_wheels",
      shards.map((shard) => ({ shard: String(shard), wakes_at: null, updated_at: new Date() })),
    );
  },

  async down({ dropTable }) {
    for (const table of [
      "card_wheels",
      "card_counts",
      "card_uses",
      "card_machines",
      "cards",
      "card_batches",
      "card_policies",
      "card_sellers",
      "card_products",
    ]) {
      await dropTable(table);
    }
  },
};

const COUNTED = ["unused", "active", "suspended", "expired", "banned", "deleted"];

const CARD = {
  id: id({ primaryKey: true }),
  batch_id: id({ allowNull: true, references: { model: "card_batches", key: "id" } }),
  product_id: id({ allowNull: true, ...product }),
  policy_id: id({ allowNull: true, ...policy }),
  prefix: text(16),
  code_hash: digest(),
  code_tail: text(4),
  code_sealed: text(512),
  state: state([]),
  machine_code: text(128, { allowNull: true }),
  machine_parts: json({ allowNull: true }),
  machines: count(),
  used_at: moment({ allowNull: true }),
  expire_at: moment({ allowNull: true }),
  remaining_ms: serial({ allowNull: true }),
  notice_at: moment({ allowNull: true }),
  due_at: moment({ allowNull: true }),
  timer: state([], { allowNull: true }),
  shard: count(),
  uses_left: count({ allowNull: true }),
  note: text(500, { allowNull: true }),
  deleted_at: moment({ allowNull: true }),
  created_at: moment(),
  updated_at: moment(),
};
