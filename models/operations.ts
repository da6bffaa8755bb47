import type { Sequelize } from "sequelize";
import { defineAudit } from "./operations/audit.ts";
import { defineCounters } from "./operations/counters.ts";
import { defineIdempotency } from "./operations/idempotency.ts";
import { defineOutbox } from "./operations/outbox.ts";
import { defineStaging } from "./operations/staging.ts";
import { defineWorkers } from "./operations/workers.ts";

export { CHAIN_START, type ChainedContent, chainHash } from "./operations/audit-chain.ts";
export * from "./operations/audit-verification.ts";
export * from "./operations/audit.ts";
export * from "./operations/counters.ts";
export * from "./operations/idempotency.ts";
export * from "./operations/outbox.ts";
export * from "./operations/staging.ts";
export * from "./operations/workers.ts";

/** Binds this domain's tables: what every other domain leans on. */
export function defineOperations(sequelize: Sequelize): void {
  for (const define of [
    defineAudit,
    defineCounters,
    defineIdempotency,
    defineOutbox,
    defineStaging,
    defineWorkers,
  ]) {
    define(sequelize);
  }
}
