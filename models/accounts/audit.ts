import type { Transaction } from "sequelize";
import type { Actor } from "../../domain/accounts.ts";
import { type Audit, recordAudit } from "../operations.ts";

/** Where a change came from: what an audit entry says beside the change. */
export type Origin = Pick<Audit, "actor" | "address" | "requestId">;

/** Who changes what is not their own, from where, and in which request: every call has it. */
export interface Administrator {
  actor: Actor;
  address: string;
  requestId: string;
}

/** What the audit says of a call, and nothing else of it. */
export function originOf({ actor, address, requestId }: Administrator): Origin {
  return { actor, address, requestId };
}

/** Writes the audit of a change of an account; call it last in the transaction. */
export function auditAccount(
  origin: Partial<Origin> | null,
  action: string,
  accountId: string,
  transaction: Transaction,
  change: Pick<Audit, "before" | "after"> = {},
): Promise<void> {
  return recordAudit(
    { actor: null, ...origin, action, subjectKind: "account", subjectId: accountId, ...change },
    transaction,
  );
}
