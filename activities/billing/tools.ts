import type { Database } from "../../models/database.ts";

/** What the activities of billing work with. Opened once by the worker and handed in. */
export interface BillingTools {
  database: Database;
}
