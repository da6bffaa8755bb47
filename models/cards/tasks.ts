import type { Transaction } from "sequelize";
import type { BatchState } from "../../domain/cards.ts";
import type { TaskRef, TaskUpdate } from "../../domain/feeds.ts";
import { publishTask } from "../feeds/index.ts";
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
      const seconds = ((completedAt ?? createdAt).getTime() - createdAt.getTime()) / 1000;
      return { ...task, state, files: [`/api/v1/cards/batches/${id}`], seconds };
    }
    case "failed":
      return {
        ...task,
        state,
        reason: error ?? "It is not known why.",
        code: "cards/batch-failed",
      };
  }
}
