import type { CardState, CardTimer, StartBasis } from "../../domain/cards.ts";
import type { CardFacts, Machine } from "../../domain/cards/judgement.ts";
import type { Database } from "../database.ts";
import { type Card, CardBatch, CardMachine } from "./tables.ts";

/** A card with all that its terms and its batch say, as one question finds it. */
export interface ShownCard extends CardFacts {
  id: string;
  batchId: string | null;
  productId: string | null;
  prefix: string;
  codeTail: string;
  shard: number;
  timer: CardTimer | null;
  machineCode: string | null;
  machineParts: string[] | null;
  usedAt: Date | null;
  createdAt: Date;
  /** Null when it has a policy and that has no term; undefined when it has no policy. */
  termSeconds: number | null | undefined;
  startBasis: StartBasis;
  noticeSeconds: number | null;
  partsRequired: number | null;
  entitlements: string[];
}

/** A card by the hash of its code. */
export const SHOWN_CARD = {
  column: "code_hash",
  question: `SELECT c.code_hash, c.id, c.batch_id, c.product_id, c.policy_id, c.prefix, c.code_tail, c.shard, c.timer, c.state,
    c.machine_code, c.machine_parts, c.machines, c.used_at, c.expire_at, c.uses_left, c.created_at,
    b.frozen, b.revoked, r.slug, r.entitlements AS product_entitlements,
    p.term_seconds, p.start_basis, p.notice_seconds, p.max_machines, p.machine_parts_required, p.entitlements
  FROM cards c
  LEFT JOIN card_batches b ON b.id = c.batch_id
  LEFT JOIN card_products r ON r.id = c.product_id
  LEFT JOIN card_policies p ON p.id = c.policy_id
  WHERE c.deleted_at IS NULL AND c.code_hash IN (?)`,
};

/** The card with one of these hashes; undefined when there is none, or it was deleted. */
export async function findShownCard(
  database: Database,
  hashes: readonly string[],
): Promise<ShownCard | undefined> {
  for (const hash of hashes) {
    const row = await database.lookUp<ShownRow>(SHOWN_CARD, hash);
    if (row) return shownOf(row);
  }
  return undefined;
}

/** The sealed code of a card. */
export async function sealedCode(database: Database, cardId: string): Promise<string> {
  const question = "SELECT code_sealed AS code FROM cards WHERE id = ?";
  const [row] = await database.ask<{ code: string }>(question, [cardId]);
  return row?.code ?? "";
}

/** The machines of a card beside the first. */
export async function otherMachines(database: Database, cardId: string): Promise<Machine[]> {
  const rows = await database.ask<{ machine_code: string; machine_parts: string | null }>(
    "SELECT machine_code, machine_parts FROM card_machines WHERE card_id = ? ORDER BY slot",
    [cardId],
  );
  return rows.map(({ machine_code: machineCode, machine_parts: parts }) => ({
    machineCode,
    machineParts: listOf(parts),
  }));
}

/** What stands around a card: what its batch says, and its machines beside the first. */
export async function surroundingsOf({ id: cardId, batchId }: Card) {
  const batch = batchId === null ? null : await CardBatch.findByPk(batchId);
  const others = await CardMachine.findAll({ where: { cardId }, order: [["slot", "ASC"]] });
  const { frozen: isFrozen = false, revoked: isRevoked = false } = batch ?? {};
  return { batch: { isFrozen, isRevoked }, others };
}

type Moment = string | Date;

interface ShownRow {
  id: string;
  batch_id: string | null;
  product_id: string | null;
  policy_id: string | null;
  prefix: string;
  code_tail: string;
  shard: number;
  timer: CardTimer | null;
  state: CardState;
  machine_code: string | null;
  machine_parts: string | null;
  machines: number;
  used_at: Moment | null;
  expire_at: Moment | null;
  uses_left: number | null;
  created_at: Moment;
  frozen: number | null;
  revoked: number | null;
  slug: string | null;
  product_entitlements: string | null;
  term_seconds: number | null;
  start_basis: StartBasis | null;
  notice_seconds: number | null;
  max_machines: number | null;
  machine_parts_required: number | null;
  entitlements: string | null;
}

function shownOf(row: ShownRow): ShownCard {
  return {
    id: row.id,
    batchId: row.batch_id,
    productId: row.product_id,
    prefix: row.prefix,
    codeTail: row.code_tail,
    shard: row.shard,
    timer: row.timer,
    state: row.state,
    machineCode: row.machine_code,
    machineParts: listOf(row.machine_parts),
    machines: row.machines,
    usedAt: momentOf(row.used_at),
    expireAt: momentOf(row.expire_at),
    usesLeft: row.uses_left,
    createdAt: new Date(row.created_at),
    isFrozen: row.frozen === 1,
    isRevoked: row.revoked === 1,
    product: row.slug,
    termSeconds: row.policy_id === null ? undefined : row.term_seconds,
    startBasis: row.start_basis ?? "activation",
    noticeSeconds: row.notice_seconds,
    maxMachines: row.max_machines ?? 1,
    partsRequired: row.machine_parts_required,
    entitlements: entitlementsOf(row),
  };
}

function entitlementsOf({ product_entitlements: product, entitlements: policy }: ShownRow) {
  if (!product && !policy) return [];
  return [...new Set([...(listOf(product) ?? []), ...(listOf(policy) ?? [])])];
}

function momentOf(moment: Moment | null): Date | null {
  return moment === null ? null : new Date(moment);
}

function listOf(text: string | null): string[] | null {
  return text === null ? null : (JSON.parse(text) as string[]);
}
