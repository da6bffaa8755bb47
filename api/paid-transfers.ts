import { refusal, refusalIn } from "../domain/errors.ts";
import { secondsAfter } from "../models/columns.ts";
import { extendHold, inLedger } from "../models/billing/index.ts";
import { chargeTransfer, holdForTransfer, type TransferHold } from "../models/downloads/index.ts";
import { newId } from "../platform/crypto.ts";
import type { Transfer } from "./delivery.ts";
import type { Services } from "./services.ts";

/** Money stays held for so long without a word of the process that sends: longer than a client may be silent. */
const LEASE_SECONDS = 600;
const RENEWAL_MS = (LEASE_SECONDS / 3) * 1000;

const NOT_COVERED = new Set<unknown>([
  "billing/insufficient-balance",
  "billing/shortfall-not-covered",
]);

/**
 * Has the owner pay for what is sent, whoever leaves: the money is held before the first byte, charged at the end by what
 * has gone, and free again by itself when this process dies. Where it is not there, `transfer` ends and it refuses
 * `downloads/insufficient-balance`.
 */
export async function payForTransfer(
  { database, log }: Pick<Services, "database" | "log">,
  transfer: Transfer,
  order: Omit<TransferHold, "holdId" | "expiresAt">,
): Promise<Transfer> {
  const holdId = newId();
  const isPaid = await holdForTransfer(database, {
    ...order,
    holdId,
    expiresAt: leaseEnd(),
  }).catch(async (error: unknown) => {
    await transfer.end();
    if (!NOT_COVERED.has(refusalIn(error)?.code)) throw error;
    throw refusal("downloads/insufficient-balance", "余额不足");
  });
  if (!isPaid) return transfer;

  let sentBytes = 0;
  let renewAt = Date.now() + RENEWAL_MS;
  let renewal = Promise.resolve();
  const renew = async () => {
    try {
      const lease = { holdId, expiresAt: leaseEnd() };
      await inLedger(database, (transaction) => extendHold(lease, transaction));
    } catch (error) {
      log.warn({ err: error, hold: holdId }, "the money for a transfer is not held any longer");
    }
  };
  return {
    ...transfer,
    sent(bytes) {
      transfer.sent(bytes);
      sentBytes += bytes;
      if (Date.now() < renewAt) return;
      renewAt = Date.now() + RENEWAL_MS;
      renewal = renewal.then(renew);
    },
    async end() {
      await renewal;
      try {
        await chargeTransfer(database, { ...order, holdId, bytes: sentBytes });
      } catch (error) {
        // What has gone has gone: its hold runs out by itself.
        log.error({ err: error, hold: holdId, bytes: sentBytes }, "a transfer was not charged");
      }
      // Last of all: a process that is stopped waits for it.
      await transfer.end();
    },
  };
}

function leaseEnd(): Date {
  return secondsAfter(new Date(), LEASE_SECONDS);
}
