import type { Database } from "../../models/database.ts";
import type { Outbound } from "../../platform/outbound.ts";

/** What the activities of webhooks work with. Opened once by the worker and handed in. */
export interface WebhookTools {
  database: Database;
  outbound: Outbound;
  /** Opens a sealed column. */
  unseal: (sealed: string, place: string) => string;
  /** The version of the product, which receivers are told. */
  version: string;
}
