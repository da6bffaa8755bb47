import type { InferAttributes, Transaction } from "sequelize";
import { type CardState, endAtMaking, shardOf } from "../../domain/cards.ts";
import type { ImportedCard } from "../../domain/cards/imports.ts";
import { secondsAfter } from "../columns.ts";
import { type Database, inTransaction } from "../database.ts";
import { type CardCounts, countCards } from "./counts.ts";
import { CardImport, CardImportFault } from "./import-tables.ts";
import { auditImport } from "./imports.ts";
import { Card, CardPolicy } from "./tables.ts";
import { tellImport } from "./tasks.ts";
import { clockOf, tellWheel } from "./timers.ts";

/** A line as it is stored: a card whose code is sealed, or what is wrong with it. */
export type StoredLine = { line: number } & (
  | {
      fault: string;
      /** The same code stands in a line before. */
      isTwin: boolean;
    }
  | {
      /** The card's id; the hashes of its code, the one to keep first. */
      id: string;
      hashes: string[];
      tail: string;
      sealed: string;
      card: ImportedCard;
    }
);
type Sealed = Extract<StoredLine, { id: string }>;

/**
 * Takes the next lines in, and with the last of them completes the import: all of them or none. `from` and `to` say where
 * they lie. False when somebody else has taken them in.
 */
export async function stepImport(
  database: Database,
  importId: string,
  lines: readonly StoredLine[],
  [from, to]: readonly [from: number, to: number],
): Promise<CardImport | undefined> {
  return inTransaction(database, async (transaction) => {
    const where = { id: importId, state: "importing" as const, reached: from };
    const row = await CardImport.findOne({ where, lock: transaction.LOCK.UPDATE, transaction });
    if (!row) return undefined;
    const sealed = lines.filter((one) => "id" in one);
    const taken = await takenAmong(sealed, transaction);
    const fresh = sealed.filter((one) => !taken.has(one));
    if (!row.dryRun) await takeIn(row, fresh, transaction);
    const faults = lines.filter((one) => "fault" in one);
    const twins = faults.filter(({ isTwin }) => isTwin).length;
    await CardImportFault.bulkCreate(
      [
        ...faults.map(({ line, fault }) => ({ importId, line, reason: fault })),
        ...[...taken].map(({ line }) => ({ importId, line, reason: TAKEN })),
      ],
      { transaction },
    );
    const isOver = to === row.bytes;
    await row.update(
      {
        reached: to,
        imported: row.imported + fresh.length,
        duplicates: row.duplicates + taken.size + twins,
        faulty: row.faulty + faults.length - twins,
        ...(isOver && { state: "completed", completedAt: new Date() }),
      },
      { transaction },
    );
    if (isOver) {
      await tellImport(row, transaction);
      await auditImport(row, transaction);
    }
    return row;
  });
}

const TAKEN = "There is a card with this code already.";

async function takenAmong(
  lines: readonly Sealed[],
  transaction: Transaction,
): Promise<Set<Sealed>> {
  const rows = await Card.findAll({
    attributes: ["codeHash"],
    where: { codeHash: lines.flatMap(({ hashes }) => hashes) },
    transaction,
  });
  const taken = new Set(rows.map(({ codeHash }) => codeHash));
  return new Set(lines.filter(({ hashes }) => hashes.some((hash) => taken.has(hash))));
}

async function takeIn(
  row: CardImport,
  lines: readonly Sealed[],
  transaction: Transaction,
): Promise<void> {
  if (lines.length === 0) return;
  const { policyId, productId } = row;
  const policy = policyId === null ? null : await CardPolicy.findByPk(policyId, { transaction });
  const now = new Date();
  const cards = lines.map((line) => ({
    ...standingOf(line.card, row, policy, now),
    id: line.id,
    productId,
    policyId,
    prefix: line.card.prefix ?? row.prefix ?? NO_PREFIX,
    codeHash: line.hashes[0]!,
    codeTail: line.tail,
    codeSealed: line.sealed,
    usesLeft: policy?.uses ?? null,
    shard: shardOf(line.id),
    note: line.card.note ?? row.note,
  }));
  await Card.bulkCreate(cards, { transaction });
  const first = new Map<number, Date>();
  const counts: Partial<CardCounts> = {};
  for (const { shard, dueAt, state } of cards) {
    counts[state] = (counts[state] ?? 0) + 1;
    const sooner = first.get(shard);
    if (dueAt && (!sooner || dueAt < sooner)) first.set(shard, dueAt);
  }
  for (const [shard, dueAt] of [...first].sort(([one], [other]) => one - other)) {
    await tellWheel(shard, dueAt, transaction);
  }
  await countCards(productId, counts, cards[0]!.shard, transaction);
}

/** The prefix of cards of which nobody says one, and in whose code none is seen. */
const NO_PREFIX = "IMPORT";

type Standing = { state: CardState } & Required<
  Pick<
    InferAttributes<Card>,
    "usedAt" | "expireAt" | "noticeAt" | "dueAt" | "timer" | "machineCode" | "machines"
  >
>;

/** Where a card stands that is taken in now. One that was in use and does not say its end has what its terms give it. */
function standingOf(
  { state, usedAt, expireAt, machineCode }: ImportedCard,
  { usualSeconds, createdAt }: CardImport,
  policy: CardPolicy | null,
  now: Date,
): Standing {
  const used = usedAt ? new Date(usedAt) : state === "active" ? now : null;
  const seconds = policy ? policy.termSeconds : usualSeconds;
  const made = policy && endAtMaking(policy, createdAt);
  const byTerms = made ?? (used && seconds !== null ? secondsAfter(used, seconds) : null);
  const end = expireAt ? new Date(expireAt) : byTerms;
  const isRunning = state === "unused" || state === "active";
  const isOver = isRunning && end !== null && end <= now;
  const runs = isRunning && !isOver ? end : null;
  const { noticeAt, dueAt } = clockOf(runs, policy?.noticeSeconds ?? null, now);
  return {
    state: isOver ? "expired" : state,
    usedAt: used,
    expireAt: end,
    noticeAt,
    dueAt,
    timer: dueAt && "wheel",
    machineCode,
    machines: machineCode === null ? 0 : 1,
  };
}
