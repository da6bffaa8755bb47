import { randomBytes } from "node:crypto";
import { setImmediate as breath } from "node:timers/promises";
import { heartbeat } from "@temporalio/activity";
import { v7 as newId } from "uuid";
import { codeTail, createDraw, wholeCode } from "../../domain/cards/codes.ts";
import { refusal } from "../../domain/errors.ts";
import { createHelpings } from "../../domain/helpings.ts";
import {
  addToBatch,
  type BatchProgress,
  beginBatch,
  type CardBatch,
  sharedTermsOf,
  type Draft,
  failBatch,
  takenHashes,
  taskOfBatch,
} from "../../models/cards/index.ts";
import type { CardTools } from "./tools.ts";

/** So many cards are added in one transaction: few enough that nobody notices who waits for it. */
const STRETCH = 2_500;
/** After so many drafts others have their turn: what adds the stretch before, and the rest of the worker. */
const BREATH = 50;
/** After so long the workflow hears how far it is. */
const REPORT_MS = 5_000;
/** When of a stretch so many times a code was there already, the prefix has no room left. */
const MOST_REDRAWS = 20;

/** How batches of cards come to be. */
export function createBatchActivities({
  database,
  cardCodes,
  reportProgress,
}: Pick<CardTools, "database" | "cardCodes" | "reportProgress">) {
  const helping = createHelpings(randomBytes);
  const draftsOf = ({ prefix, alphabet, codeLength }: CardBatch) => {
    const draw = createDraw(alphabet, randomBytes);
    return async (count: number): Promise<Draft[]> => {
      const drafts = new Map<string, Draft>();
      while (drafts.size < count) {
        if (drafts.size % BREATH === 0) await breath();
        const [id, code] = [newId({ random: helping(16) }), wholeCode(prefix, draw(codeLength))];
        const codeHash = cardCodes.hash(code);
        const codeSealed = cardCodes.seal(code, id);
        drafts.set(codeHash, { id, codeHash, codeTail: codeTail(code), codeSealed });
      }
      return [...drafts.values()];
    };
  };

  const tellMade = (batch: CardBatch) => {
    const task = taskOfBatch(batch);
    const made = { done: batch.generated, total: batch.count, unit: "cards" } as const;
    if (task) reportProgress({ ...task, phase: "generating", ...made });
  };

  return {
    /**
     * Twice: each stretch of cards is added by the transaction that moves the batch's count on from where it stood, so
     * that what is done is not done again, and two that do it at once add to one count.
     */
    async makeCards({ batchId }: { batchId: string }): Promise<BatchProgress | null> {
      const until = Date.now() + REPORT_MS;
      let batch = await beginBatch(database, batchId);
      if (!batch) return null;
      const draft = draftsOf(batch);
      const common = await sharedTermsOf(batch);
      // While the database adds a stretch, the next is drawn.
      let ahead = draft(stretchOf(batch));
      for (let redraws = 0; batch && stretchOf(batch) > 0 && Date.now() < until;) {
        const drafts = await ahead;
        ahead = draft(stretchOf(batch, drafts.length));
        const outcome = await addToBatch(database, batch, drafts, common);
        if (outcome === "added") {
          batch.generated += drafts.length;
          redraws = 0;
        } else if (outcome === "taken") {
          if (++redraws > MOST_REDRAWS) throw noRoom(batch);
          const free = await withoutTaken(drafts);
          const others = draft(drafts.length - free.length);
          ahead = others.then((more) => [...free, ...more]);
        } else {
          batch = await beginBatch(database, batchId);
          if (batch) ahead = draft(stretchOf(batch));
        }
        heartbeat(batch?.generated);
        if (batch) tellMade(batch);
      }
      return batch ? { generated: batch.generated, count: batch.count } : null;
    },

    /** Twice: what has failed or is complete is left as it is. */
    async failCards({ batchId, reason }: { batchId: string; reason: string }): Promise<void> {
      await failBatch(database, batchId, reason);
    },
  };
}

/** How many cards come next, once `added` more are there. */
function stretchOf({ count, generated }: CardBatch, added = 0): number {
  return Math.min(STRETCH, count - generated - added);
}

async function withoutTaken(drafts: Draft[]): Promise<Draft[]> {
  const taken = await takenHashes(drafts.map(({ codeHash }) => codeHash));
  return drafts.filter(({ codeHash }) => !taken.has(codeHash));
}

function noRoom({ prefix, codeLength }: CardBatch) {
  return refusal(
    "cards/no-room",
    `Nearly all codes of ${codeLength} characters after ${prefix} are taken: order longer ones.`,
  );
}
