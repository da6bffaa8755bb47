import type { Account } from "../models/accounts.ts";

/** What an account may spend, in fen. Without a ledger nobody has anything. */
export async function balanceFen(_account: Pick<Account, "id">): Promise<number> {
  return 0;
}
