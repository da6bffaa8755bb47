import { QueryTypes } from "sequelize";
import { digest, serial, text } from "../columns.ts";
import { CHAIN_START, chainHash, type ChainedContent } from "../operations/audit-chain.ts";
import type { Migration, Schema } from "./migration.ts";

const ENTRIES = "audit_entries";
const NEW_COLUMNS = {
  // 0 until the entry has its place.
  sequence: serial({ defaultValue: 0 }),
  hash: digest({ defaultValue: CHAIN_START }),
};
const FORMER_INDEXES = [{ columns: ["subject_kind", "subject_id", "created_at"] }];
/** A subject is asked for by its id, a kind of subject by itself. */
const NEW_INDEXES = [
  { columns: ["subject_id", "created_at", "id"] },
  { columns: ["subject_kind", "created_at", "id"] },
];
const SEQUENCE_INDEX = { columns: ["sequence"], unique: true };

export const chainAudit: Migration = {
  name: "20261121T1000-chain-audit",

  async up(schema) {
    const { createTable, addColumns, addIndexes, dropIndexes } = schema;
    await createTable("audit_heads", {
      name: text(20, { primaryKey: true }),
      sequence: serial(),
      hash: digest(),
    });
    await addColumns(ENTRIES, NEW_COLUMNS);
    await addIndexes(ENTRIES, NEW_INDEXES);
    await dropIndexes(ENTRIES, FORMER_INDEXES);
    const head = await chainExisting(schema);
    await addIndexes(ENTRIES, [SEQUENCE_INDEX]);
    await setHead(schema, head);
  },

  async down({ addIndexes, dropColumns, dropIndexes, dropTable }) {
    await dropTable("audit_heads");
    await addIndexes(ENTRIES, FORMER_INDEXES);
    await dropIndexes(ENTRIES, [...NEW_INDEXES, SEQUENCE_INDEX]);
    await dropColumns(ENTRIES, Object.keys(NEW_COLUMNS));
  },
};

interface Place {
  sequence: number;
  hash: string;
}

/** Gives every entry its place, oldest first; goes on where a run before was cut short. */
async function chainExisting(schema: Schema): Promise<Place> {
  const { queryInterface, transaction } = schema;
  const select = <T extends object>(sql: string) =>
    queryInterface.sequelize.query<T>(sql, { type: QueryTypes.SELECT, transaction });
  const [last] = await select<Place>(
    `SELECT sequence, hash FROM ${ENTRIES} WHERE sequence > 0 ORDER BY sequence DESC LIMIT 1`,
  );
  let place = last ?? { sequence: 0, hash: CHAIN_START };
  for (;;) {
    const rows = await select<Stored>(
      `SELECT * FROM ${ENTRIES} WHERE sequence = 0 ORDER BY created_at, id LIMIT 500`,
    );
    if (rows.length === 0) return place;
    for (const row of rows) {
      const sequence = place.sequence + 1;
      place = { sequence, hash: chainHash(place.hash, contentOf(row, sequence)) };
      await queryInterface.bulkUpdate(ENTRIES, place, { id: row.id }, { transaction });
    }
  }
}

interface Stored {
  id: string;
  created_at: string | Date;
  actor_id: string | null;
  actor_name: string;
  action: string;
  subject_kind: string;
  subject_id: string;
  address: string | null;
  request_id: string | null;
  before: string | null;
  after: string | null;
}

function contentOf(row: Stored, sequence: number): ChainedContent {
  return {
    sequence,
    id: row.id,
    createdAt: new Date(row.created_at),
    actorId: row.actor_id,
    actorName: row.actor_name,
    action: row.action,
    subjectKind: row.subject_kind,
    subjectId: row.subject_id,
    address: row.address,
    requestId: row.request_id,
    before: row.before,
    after: row.after,
  };
}

async function setHead({ queryInterface, transaction }: Schema, head: Place): Promise<void> {
  await queryInterface.bulkDelete("audit_heads", {}, { transaction });
  await queryInterface.bulkInsert("audit_heads", [{ name: "audit", ...head }], { transaction });
}
