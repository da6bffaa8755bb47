import type { ReportProgress } from "../../domain/feeds.ts";
import type { Database } from "../../models/database.ts";
import type { Bus } from "../../platform/bus.ts";
import type { CardCodes } from "../../platform/card-codes.ts";

/** What the activities of cards work with. Opened once by the worker and handed in. */
export interface CardTools {
  database: Database;
  cardCodes: CardCodes;
  bus: Bus;
  reportProgress: ReportProgress;
  /** How long deleted cards are kept. */
  cardRestoreSeconds: number;
}
