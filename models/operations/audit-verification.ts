import { Op } from "sequelize";
import { type Database, inTransaction } from "../database.ts";
import { CHAIN_START, chainHash, type ChainedContent } from "./audit-chain.ts";
import { AUDIT_CHAIN, AuditEntry, AuditHead, readHead } from "./audit.ts";

/** A place in the chain: a note of it, kept elsewhere, proves later that nothing up to it was changed. */
export interface ChainPlace {
  sequence: number;
  hash: string;
}

/** What is wrong with the first entry that is not as it was written. */
export type ChainFault =
  | "edited"
  | "missing"
  | "inserted"
  | "cut-off"
  | "not-counted"
  | "not-the-anchor"
  | "no-head";

/** What a look at the whole chain found. */
export type AuditVerdict =
  | { whole: true; head: ChainPlace }
  | { whole: false; fault: ChainFault; sequence: number; id: string | null };

type Row = ChainedContent & { hash: string };

const PAGE_ROWS = 1000;

/**
 * Reads the chain from its first entry to the end it has now, page by page, beside whatever is being written.
 * Finds edits, removals, insertions, and a removed end as long as the head was not set back too. Who rewrites
 * every hash from some entry on, head included, is found by an `anchor` noted before that.
 */
export async function verifyAudit(
  database: Database,
  anchor?: ChainPlace,
  onProgress: (entries: number) => void = () => undefined,
): Promise<AuditVerdict> {
  const ends = await readEnds(database);
  if (!ends) return { whole: false, fault: "no-head", sequence: 0, id: null };
  const { head, last } = ends;
  let place: ChainPlace = { sequence: 0, hash: CHAIN_START };
  const broken = (fault: ChainFault, id: string | null = null) =>
    ({ whole: false, fault, sequence: place.sequence + 1, id }) as const;

  for await (const row of rowsUpTo(head.sequence)) {
    const next = place.sequence + 1;
    if (row.sequence > next) return broken("missing");
    if (row.sequence < next) return { ...broken("inserted", row.id), sequence: row.sequence };
    if (row.hash !== chainHash(place.hash, row)) return broken("edited", row.id);
    if (next === anchor?.sequence && row.hash !== anchor.hash) {
      return broken("not-the-anchor", row.id);
    }
    place = { sequence: next, hash: row.hash };
    if (next % PAGE_ROWS === 0) onProgress(next);
  }
  if (place.sequence < head.sequence) return broken("cut-off");
  if (place.hash !== head.hash) return { ...broken("edited"), sequence: head.sequence };
  if (last > head.sequence) return broken("not-counted");
  if (anchor && anchor.sequence > head.sequence) return broken("cut-off");
  return { whole: true, head: place };
}

/** Where the chain ends by its head, and the highest number that any entry has: under one lock, so both are of one moment. */
async function readEnds(
  database: Database,
): Promise<{ head: ChainPlace; last: number } | undefined> {
  return inTransaction(database, async (transaction) => {
    if (!(await AuditHead.findByPk(AUDIT_CHAIN, { transaction }))) return undefined;
    const { sequence, hash } = await readHead(transaction);
    const last = await AuditEntry.findOne({
      attributes: ["sequence"],
      order: [["sequence", "DESC"]],
      transaction,
    });
    return { head: { sequence, hash }, last: last?.sequence ?? 0 };
  });
}

async function* rowsUpTo(end: number): AsyncGenerator<Row> {
  for (let after = Number.MIN_SAFE_INTEGER; ;) {
    const rows = (await AuditEntry.findAll({
      where: { sequence: { [Op.gt]: after, [Op.lte]: end } },
      order: [["sequence", "ASC"]],
      limit: PAGE_ROWS,
      raw: true,
    })) as unknown as Row[];
    yield* rows;
    if (rows.length < PAGE_ROWS) return;
    after = rows.at(-1)!.sequence;
  }
}
