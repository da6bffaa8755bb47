import type { Transaction } from "sequelize";
import type { BatchState, BulkState, ImportState } from "../../domain/cards.ts";
import type { TaskRef, TaskUpdate } from "../../domain/feeds.ts";
import { publishTask } from "../feeds/index.ts";
import { CardBulk } from "./bulk-tables.ts";
import type { CardImport } from "./import-tables.ts";
import { CardBatch } from "./tables.ts";

/** Tells whoever ordered a batch how it stands now. */
export async function tellBatch(batchId: string, transaction: Transaction): Promise<void> {
  const batch = await CardBatch.findByPk(batchId, { transaction, rejectOnEmpty: true });
  const task = taskOfBatch(batch);
  if (task) await publishTask(updateOf(batch, task), transaction);
}

/** A batch as a task that its orderer follows; undefined when nobody has ordered it. */
export function taskOfBatch({
  id,
  accountId,
}: Pick<CardBatch, "id" | "accountId">): TaskRef | undefined {
  return accountId === null ? undefined : { taskId: id, accountId, kind: "card-batch" };
}

/** Tells whoever ordered something of many cards how that stands now, or its undoing. */
export async function tellBulk(bulkId: string, transaction: Transaction): Promise<void> {
  const bulk = await CardBulk.findByPk(bulkId, { transaction, rejectOnEmpty: true });
  await publishTask(updateOfBulk(bulk), transaction);
}

/** What was ordered of many cards as a task that its orderer follows. */
export function taskOfBulk({ id, accountId }: Pick<CardBulk, "id" | "accountId">): TaskRef {
  return { taskId: id, accountId, kind: "card-bulk" };
}

/** Tells whoever ordered an import how it stands now. */
export async function tellImport(row: CardImport, transaction: Transaction): Promise<void> {
  await publishTask(updateOfImport(row), transaction);
}

/** An import as a task that its orderer follows. */
export function taskOfImport({ id, accountId }: Pick<CardImport, "id" | "accountId">): TaskRef {
  return { taskId: id, accountId, kind: "card-import" };
}

function updateOf(batch: CardBatch, ref: TaskRef): TaskUpdate {
  const { id, prefix, count, generated, error, createdAt, completedAt } = batch;
  const state: BatchState = batch.state;
  const task = { ...ref, facts: { prefix, count, generated } };
  switch (state) {
    case "queued":
      return { ...task, state };
    case "generating":
      return { ...task, state: "running" };
    case "completed": {
      const seconds = secondsBetween(createdAt, completedAt);
      return { ...task, state, files: [`/api/v1/cards/batches/${id}`], seconds };
    }
    case "failed":
      return {
        ...task,
        state,
        reason: error ?? UNKNOWN,
        code: "cards/batch-failed",
      };
  }
}

const UNKNOWN = "It is not known why.";

function updateOfBulk(bulk: CardBulk): TaskUpdate {
  const { id, order, total, done, refused, undone, kept, error, createdAt, completedAt } = bulk;
  const state: BulkState = bulk.state;
  const facts = {
    verb: order.verb,
    bulk_status: state,
    total,
    changed: done,
    refused,
    undone,
    kept,
  };
  const task = { ...taskOfBulk(bulk), facts };
  switch (state) {
    case "queued":
    case "running":
      return { ...task, state };
    case "undoing":
      return { ...task, state: "running", message: "What was changed is undone." };
    case "completed":
    case "undone": {
      const seconds = secondsBetween(createdAt, completedAt);
      return { ...task, state: "completed", files: [`/api/v1/cards/bulk/${id}/results`], seconds };
    }
    case "failed":
    case "undo_failed":
      return { ...task, state: "failed", reason: error ?? UNKNOWN, code: "cards/bulk-failed" };
  }
}

function updateOfImport(row: CardImport): TaskUpdate {
  const { id, lines, imported, duplicates, faulty, dryRun, error, createdAt, completedAt } = row;
  const state: ImportState = row.state;
  const facts = { dry_run: dryRun, lines, imported, duplicates, faulty };
  const task = { ...taskOfImport(row), facts };
  switch (state) {
    case "queued":
      return { ...task, state };
    case "importing":
      return { ...task, state: "running" };
    case "completed": {
      const seconds = secondsBetween(createdAt, completedAt);
      return { ...task, state, files: [`/api/v1/cards/import/${id}/report`], seconds };
    }
    case "failed":
      return { ...task, state, reason: error ?? UNKNOWN, code: "cards/import-failed" };
  }
}

function secondsBetween(from: Date, to: Date | null): number {
  return ((to ?? from).getTime() - from.getTime()) / 1000;
}
