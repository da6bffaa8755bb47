import type { Account } from "../models/accounts.ts";
import { freeBalance } from "../models/billing/index.ts";

/** What the account may spend, in fen. */
export async function balanceFen({ id }: Pick<Account, "id">): Promise<number> {
  return freeBalance(id);
}
