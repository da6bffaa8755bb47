import type { Transaction } from "sequelize";
import type { Origin } from "../accounts/audit.ts";
import { type Database, inTransaction } from "../database.ts";
import { type Audit, recordAudit } from "../operations.ts";

/** Writes the audit of what somebody ordered about money; call it last in the transaction. */
export function auditMoney(
  origin: Origin,
  action: string,
  about: Pick<Audit, "subjectKind" | "subjectId" | "before" | "after">,
  transaction: Transaction,
): Promise<void> {
  const { actor, address, requestId } = origin;
  const from = { ...(address && { address }), ...(requestId && { requestId }) };
  return recordAudit({ actor, ...from, action, ...about }, transaction);
}

/** Notes what somebody decided about parked work, before it hears of it. */
export async function noteResolution(
  database: Database,
  about: Pick<Audit, "subjectKind" | "subjectId" | "after">,
  origin: Origin,
): Promise<void> {
  await inTransaction(database, (transaction) =>
    auditMoney(origin, "billing.resolved", about, transaction),
  );
}
