import { QueryTypes, type Transaction } from "sequelize";
import { endAtMaking, shardOf } from "../../domain/cards.ts";
import { secondsAfter } from "../columns.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";
import { countCards } from "./counts.ts";
import { Card, CardBatch, CardPolicy } from "./tables.ts";
import { tellBatch } from "./tasks.ts";
import { beginTimer } from "./timers.ts";

/** A card that nobody has seen: its id, and its code as it is kept. */
export type Draft = Pick<Card, "id" | "codeHash" | "codeTail" | "codeSealed">;

/** What all cards of a stretch have in common. */
export type SharedTerms = Pick<
  Card,
  | "batchId"
  | "productId"
  | "policyId"
  | "prefix"
  | "usesLeft"
  | "expireAt"
  | "noticeAt"
  | "dueAt"
  | "timer"
>;

/** What the cards of a batch have in common by its terms. Those whose term counts from their making have an end. */
export async function sharedTermsOf(batch: CardBatch): Promise<SharedTerms> {
  const { id: batchId, productId, policyId, prefix } = batch;
  const policy = policyId === null ? null : await CardPolicy.findByPk(policyId);
  const expireAt = policy && endAtMaking(policy, batch.createdAt);
  const { noticeSeconds = null } = policy ?? {};
  const noticeAt =
    expireAt && noticeSeconds !== null ? secondsAfter(expireAt, 0 - noticeSeconds) : null;
  const dueAt = noticeAt ?? expireAt;
  const timer = dueAt ? ("wheel" as const) : null;
  const usesLeft = policy?.uses ?? null;
  return { batchId, productId, policyId, prefix, usesLeft, expireAt, noticeAt, dueAt, timer };
}

/**
 * Adds the next cards of a batch, and with the last of them completes it: all of `drafts` or none. Answers `added`;
 * `overtaken` when somebody else has added cards since `batch` was read; `taken` when a code is there already.
 */
export async function addToBatch(
  database: Database,
  { id, count, generated }: Pick<CardBatch, "id" | "count" | "generated">,
  drafts: readonly Draft[],
  common: SharedTerms,
): Promise<"added" | "overtaken" | "taken"> {
  const reached = generated + drafts.length;
  const completed = reached === count && { state: "completed" as const, completedAt: new Date() };
  try {
    return await inTransaction(database, async (transaction) => {
      const [moved] = await CardBatch.update(
        { generated: reached, ...completed },
        { where: { id, generated, state: "generating" }, transaction },
      );
      if (moved !== 1) return "overtaken";
      await insertCards(drafts, common, transaction);
      const slot = shardOf(drafts[0]!.id);
      await countCards(common.productId, { unused: drafts.length }, slot, transaction);
      if (common.dueAt) await tellWheels(drafts, common.dueAt, transaction);
      if (completed) await tellBatch(id, transaction);
      return "added";
    });
  } catch (error) {
    if (isTaken(error)) return "taken";
    throw error;
  }
}

/** Cards whose clock runs from their making on are for the wheels, whatever their number. */
async function tellWheels(
  drafts: readonly Draft[],
  dueAt: Date,
  transaction: Transaction,
): Promise<void> {
  const ofShards = new Map(drafts.map((draft) => [shardOf(draft.id), draft]));
  for (const [shard, { id, codeTail }] of [...ofShards].sort(([a], [b]) => a - b)) {
    await beginTimer({ id, shard, codeTail, timer: "wheel", dueAt }, transaction);
  }
}

/** Those of these hashes under which there is a card. */
export async function takenHashes(hashes: readonly string[]): Promise<Set<string>> {
  const taken = await Card.findAll({ attributes: ["codeHash"], where: { codeHash: [...hashes] } });
  return new Set(taken.map(({ codeHash }) => codeHash));
}

/**
 * Writes new, unused cards in one statement. By hand: the models escape every value of every row, which takes several
 * times as long as the database does, and here nearly all values of a row are the same as the row's before.
 */
async function insertCards(
  drafts: readonly Draft[],
  common: SharedTerms,
  transaction: Transaction,
): Promise<void> {
  const now = new Date();
  const same = Card.build({
    ...common,
    id: "",
    codeHash: "",
    codeTail: "",
    codeSealed: "",
    shard: 0,
    createdAt: now,
    updatedAt: now,
  });
  const attributes = Card.getAttributes();
  const names = (Object.keys(attributes) as (keyof Draft)[]).filter((name) => !OWN.has(name));
  const generator = Card.sequelize!.getQueryInterface().queryGenerator as Escaper;
  const escape = (name: string, value: unknown) =>
    generator.escape(value, attributes[name as keyof Draft], { context: "INSERT" });
  const quote = (name: keyof Draft, value: string) =>
    NEEDS_NO_ESCAPE.test(value) ? `'${value}'` : escape(name, value);
  const constants = names.map((name) => escape(name, same.getDataValue(name))).join(",");
  const columns = [...OWN, ...names].map((name) => attributes[name as keyof Draft].field).join(",");
  const rows = drafts.map(({ id, codeHash, codeTail, codeSealed }) => {
    const code = `${quote("codeHash", codeHash)},${quote("codeTail", codeTail)}`;
    return `(${quote("id", id)},${code},${quote("codeSealed", codeSealed)},${shardOf(id)},${constants})`;
  });
  await Card.sequelize!.query(`INSERT INTO cards (${columns}) VALUES ${rows.join(",")}`, {
    type: QueryTypes.RAW,
    transaction,
  });
}

const NEEDS_NO_ESCAPE = /^[\w.-]*$/;
const OWN: ReadonlySet<string> = new Set(["id", "codeHash", "codeTail", "codeSealed", "shard"]);

interface Escaper {
  escape(value: unknown, attribute: object, options: { context: "INSERT" }): string;
}
