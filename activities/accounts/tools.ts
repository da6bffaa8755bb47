import type { Database } from "../../models/database.ts";
import type { Send } from "../../platform/messages/index.ts";

/** What the activities of accounts work with. Opened once by the worker and handed in. */
export interface AccountTools {
  database: Database;
  /** Takes a code to a person. */
  sendMessage: Send;
  /** Opens a sealed column. */
  unseal: (sealed: string, place: string) => string;
}
