import { literal } from "sequelize";
import { refusal } from "../../domain/errors.ts";
import type { PolicyTerms } from "../../domain/proxies.ts";
import type { Origin } from "../accounts/audit.ts";
import { secondsAfter } from "../columns.ts";
import { type Database, inTransaction } from "../database.ts";
import { auditProxies } from "./audit.ts";
import { ProxyPolicy } from "./tables.ts";

/** The one policy there is, for everything. */
const GLOBAL = "global";
/** The number that the contract knows it by. */
export const GLOBAL_POLICY = 1;

/** How proxies are chosen now, and how the provider's API stands. */
export function readPolicy(): Promise<ProxyPolicy> {
  return ProxyPolicy.findByPk(GLOBAL, { rejectOnEmpty: true });
}

/** Sets the terms by which proxies are chosen from now on. */
export async function setPolicy(
  database: Database,
  policyId: number,
  terms: PolicyTerms,
  origin: Origin,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    if (policyId !== GLOBAL_POLICY) {
      throw refusal("proxies/policy-not-found", "There is no such policy.");
    }
    const policy = await ProxyPolicy.findByPk(GLOBAL, {
      lock: transaction.LOCK.UPDATE,
      transaction,
      rejectOnEmpty: true,
    });
    const before = policy.terms;
    await policy.update({ terms, restsUntil: null, failures: 0 }, { transaction });
    const about = { subjectKind: "proxy-policy", subjectId: `${policyId}` };
    await auditProxies(
      origin,
      "proxies.policy-set",
      { ...about, before, after: terms },
      transaction,
    );
  });
}

/** Notes that the provider's API gave a proxy. */
export async function noteSourceWell(database: Database): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const well = { failures: 0, restsUntil: null, complaint: null, checkedAt: new Date() };
    await ProxyPolicy.update(well, { where: { scope: GLOBAL }, transaction });
  });
}

/** Notes that it gave none. When it has failed too often in a row it is left alone for a while. */
export async function noteSourceFailed(database: Database, complaint: string): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const now = new Date();
    const where = { scope: GLOBAL };
    const failed = { failures: literal("failures + 1"), complaint, checkedAt: now };
    // The row is ours from here on: nobody else counts until this is written.
    await ProxyPolicy.update(failed, { where, transaction });
    const policy = await ProxyPolicy.findByPk(GLOBAL, { transaction, rejectOnEmpty: true });
    const { dynamicRetryCount, dynamicCircuitBreakerSeconds } = policy.terms;
    if (policy.failures <= dynamicRetryCount) return;
    const restsUntil = secondsAfter(now, dynamicCircuitBreakerSeconds);
    await policy.update({ failures: 0, restsUntil }, { transaction });
  });
}
