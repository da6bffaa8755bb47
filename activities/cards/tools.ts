import type { ReportProgress } from "../../domain/feeds.ts";
import type { Database } from "../../models/database.ts";
import type { CardCodes } from "../../platform/card-codes.ts";
import type { ObjectStore } from "../../platform/objects/index.ts";

/** What the activities of cards work with. Opened once by the worker and handed in. */
export interface CardTools {
  database: Database;
  cardCodes: CardCodes;
  objects: ObjectStore;
  reportProgress: ReportProgress;
  /** How long deleted cards are kept. */
  cardRestoreSeconds: number;
  /** How long it is kept what became of each card of a bulk, and of each line of an import. */
  cardResultsSeconds: number;
}
