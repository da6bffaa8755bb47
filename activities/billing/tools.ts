import type { Database } from "../../models/database.ts";
import type { Payments } from "../../platform/payments/index.ts";

/** What the activities of billing work with. Opened once by the worker and handed in. */
export interface BillingTools {
  database: Database;
  /** Who takes money for the platform. */
  payments: Payments;
}
