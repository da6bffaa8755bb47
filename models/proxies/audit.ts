import type { Transaction } from "sequelize";
import type { Origin } from "../accounts/audit.ts";
import { type Audit, recordAudit } from "../operations.ts";

/** Writes the audit of what somebody changed about the way out; call it last in the transaction. */
export function auditProxies(
  { actor, address, requestId }: Origin,
  action: string,
  about: Pick<Audit, "subjectKind" | "subjectId" | "before" | "after">,
  transaction: Transaction,
): Promise<void> {
  const from = { ...(address && { address }), ...(requestId && { requestId }) };
  return recordAudit({ actor, ...from, action, ...about }, transaction);
}
