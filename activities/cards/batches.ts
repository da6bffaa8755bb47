import { randomBytes } from "node:crypto";
import { heartbeat } from "@temporalio/activity";
import { v7 as newId } from "uuid";
import { codeTail, createDraw, wholeCode } from "../../domain/cards/codes.ts";
import { refusal } from "../../domain/errors.ts";
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
const STRETCH = 500;
/** After so long the workflow hears how far it is. */
const REPORT_MS = 5_000;
/** When of a stretch so many times a code was there already, the prefix has no room left. */
const MOST_REDRAWS = 20;

/** How batches of cards come to be. */
export function createBatchActivities({ database, cardCodes, reportProgress }: CardTools) {
  const draftsOf = ({ prefix, alphabet, codeLength }: CardBatch) => {
    const draw = createDraw(alphabet, randomBytes);
    return (count: number): Draft[] => {
      const drafts = new Map<string, Draft>();
      while (drafts.size < count) {
        const [id, code] = [newId(), wholeCode(prefix, draw(codeLength))];
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
      const draft = batch && draftsOf(batch);
      const common = batch && (await sharedTermsOf(batch));
      let drafts: Draft[] = [];
      for (let redraws = 0; batch && batch.generated < batch.count && Date.now() < until;) {
        const wanted = Math.min(STRETCH, batch.count - batch.generated);
        drafts = [...drafts.slice(0, wanted), ...draft!(Math.max(wanted - drafts.length, 0))];
        const outcome = await addToBatch(database, batch, drafts, common!);
        if (outcome === "taken") {
          if (++redraws > MOST_REDRAWS) throw noRoom(batch);
          drafts = await withoutTaken(drafts);
          continue;
        }
        if (outcome === "added") batch.generated += wanted;
        else batch = await beginBatch(database, batchId);
        [drafts, redraws] = [[], 0];
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
