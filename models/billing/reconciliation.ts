import { literal, Op, type Transaction, type WhereOptions } from "sequelize";
import type { Fen } from "../../domain/money.ts";
import { type Database, inTransaction } from "../database.ts";
import { auditMoney } from "./audit.ts";
import { lockBalance } from "./posting.ts";
import { Hold, LedgerBalance, LedgerEntry } from "./tables.ts";

/**
 * Two numbers that should be the same: what is free or held as it is cached and as the entries add up, what is held and
 * what open holds keep, or all lines of a person's operations together, and nothing.
 */
export interface Difference {
  accountId: string;
  what: "free" | "held" | "holds" | "lines";
  isFen: Fen;
  shouldBeFen: Fen;
}

/** What was compared, and where to go on; null at the end. */
export interface Checked {
  after: string | null;
  accounts: number;
  operations: number;
  differences: Difference[];
}

/** So many operations are added up by one statement, and so many balances read by one. */
const SPAN_OPERATIONS = 2_000;
const SPAN_ACCOUNTS = 500;

interface Sums {
  accountId: string;
  free: Fen;
  held: Fen;
  all: Fen;
}
type Cached = Pick<LedgerBalance, "accountId" | "freeFen" | "heldFen">;

/**
 * Compares some balances, in the order of their accounts, with the sums of their entries. Money may move meanwhile: what
 * differs at first sight is looked at again, up to a moment at which nothing moved.
 */
export async function checkBalances(
  database: Database,
  { after, spanOperations = SPAN_OPERATIONS }: { after: string; spanOperations?: number },
): Promise<Checked> {
  const found = await LedgerBalance.findAll({
    where: { accountId: { [Op.gt]: after } },
    order: [["accountId", "ASC"]],
    limit: SPAN_ACCOUNTS,
  });
  const balances = withinSpan(found, spanOperations);
  const isEnd = balances.length === found.length && found.length < SPAN_ACCOUNTS;
  const last = isEnd ? undefined : balances.at(-1)?.accountId;
  const suspects =
    balances.length === 1 && balances[0]!.sequence > spanOperations
      ? balances.map(({ accountId }) => accountId)
      : await findSuspects(balances, after, last);
  const differences: Difference[] = [];
  for (const accountId of suspects) {
    differences.push(...(await checkBalance(database, accountId, spanOperations)));
  }
  return {
    after: last ?? null,
    accounts: balances.length,
    operations: balances.reduce((sum, { sequence }) => sum + sequence, 0),
    differences,
  };
}

/** Writes down what differs, for people who ask the audit. */
export async function noteDifferences(
  differences: Difference[],
  transaction: Transaction,
): Promise<void> {
  const about = { subjectKind: "ledger", subjectId: "balances", after: { differences } };
  await auditMoney({ actor: null }, "billing.differences-found", about, transaction);
}

function withinSpan(balances: LedgerBalance[], spanOperations: number): LedgerBalance[] {
  let operations = 0;
  const end = balances.findIndex(({ sequence }) => (operations += sequence) > spanOperations);
  return end === -1 ? balances : balances.slice(0, Math.max(end, 1));
}

/** The accounts in a stretch whose numbers are not the same at first sight, those without a balance included. */
async function findSuspects(
  balances: Cached[],
  after: string,
  last: string | undefined,
): Promise<string[]> {
  const stretch = { accountId: { [Op.gt]: after, ...(last && { [Op.lte]: last }) } };
  const sums = await sumEntries(stretch);
  const kept = await sumHolds(stretch);
  const cached = new Map(balances.map((balance) => [balance.accountId, balance]));
  const accountIds = new Set([...cached.keys(), ...sums.keys(), ...kept.keys()]);
  return [...accountIds].filter(
    (accountId) =>
      compare({
        cached: cached.get(accountId) ?? nothing(accountId),
        sums: sums.get(accountId),
        keptFen: kept.get(accountId) ?? 0,
      }).length > 0,
  );
}

/** Compares one balance, as it stood when nothing moved it, with the entries up to there. */
async function checkBalance(
  database: Database,
  accountId: string,
  spanOperations: number,
): Promise<Difference[]> {
  const { cached, keptFen } = await inTransaction(database, async (transaction) => {
    const cached = await lockBalance(accountId, transaction);
    const kept = await sumHolds({ accountId }, transaction);
    return { cached, keptFen: kept.get(accountId) ?? 0 };
  });
  const sums: Sums = { accountId, free: 0, held: 0, all: 0 };
  for (let from = 0; from < cached.sequence; from += spanOperations) {
    const to = Math.min(from + spanOperations, cached.sequence);
    const sequence = { [Op.gt]: from, [Op.lte]: to };
    const span = (await sumEntries({ accountId, sequence })).get(accountId);
    sums.free += span?.free ?? 0;
    sums.held += span?.held ?? 0;
    sums.all += span?.all ?? 0;
  }
  return compare({ cached, sums, keptFen });
}

function compare({
  cached: { accountId, freeFen, heldFen },
  sums,
  keptFen,
}: {
  cached: Cached;
  sums: Sums | undefined;
  keptFen: Fen;
}): Difference[] {
  const pairs: [Difference["what"], Fen, Fen][] = [
    ["free", freeFen, sums?.free ?? 0],
    ["held", heldFen, sums?.held ?? 0],
    ["holds", keptFen, heldFen],
    ["lines", sums?.all ?? 0, 0],
  ];
  return pairs
    .filter(([, isFen, shouldBeFen]) => isFen !== shouldBeFen)
    .map(([what, isFen, shouldBeFen]) => ({ accountId, what, isFen, shouldBeFen }));
}

async function sumEntries(where: WhereOptions): Promise<Map<string, Sums>> {
  const of = (book: string) =>
    literal(`SUM(CASE WHEN book = '${book}' THEN amount_fen ELSE 0 END)`);
  const rows = (await LedgerEntry.findAll({
    attributes: [
      "accountId",
      [of("free"), "free"],
      [of("held"), "held"],
      [literal("SUM(amount_fen)"), "all"],
    ],
    where,
    group: ["account_id"],
    raw: true,
  })) as unknown as { [name in keyof Sums]: string }[];
  // MySQL answers sums as text.
  return new Map(
    rows.map(({ accountId, free, held, all }) => [
      accountId,
      { accountId, free: Number(free), held: Number(held), all: Number(all) },
    ]),
  );
}

async function sumHolds(
  stretch: { accountId: string | object },
  transaction: Transaction | null = null,
): Promise<Map<string, Fen>> {
  const rows = (await Hold.findAll({
    attributes: ["accountId", [literal("SUM(remaining_fen)"), "kept"]],
    where: { ...stretch, state: "open" },
    group: ["account_id"],
    raw: true,
    transaction,
  })) as unknown as { accountId: string; kept: string }[];
  return new Map(rows.map(({ accountId, kept }) => [accountId, Number(kept)]));
}

function nothing(accountId: string): Cached {
  return { accountId, freeFen: 0, heldFen: 0 };
}
