import { expect, test } from "vitest";
import { FIRST_PRICES, type PriceTerms } from "../../domain/billing.ts";
import { refusalIn } from "../../domain/errors.ts";
import { endAbandonedHolds, Hold, setPrices, Shortfall } from "../../models/billing/index.ts";
import type { Database } from "../../models/database.ts";
import {
  chargeTransfer,
  DownloadTraffic,
  holdForTransfer,
  type TransferHold,
} from "../../models/downloads/index.ts";
import { newId } from "../../platform/crypto.ts";
import { describeDatabases } from "../support/database.ts";
import { accountsOf, adjust, makePurse } from "../support/ledger.ts";
import { ORIGIN } from "../support/webhooks.ts";

/** One fen for each 10 MB that go out, and for at least 100 MB of a download. */
const TERMS: PriceTerms = {
  ...FIRST_PRICES,
  microYuanPerGbOut: 1_000_000,
  minimumBytesOut: 100_000_000,
};
const MB = 1_000_000;

async function openPurse(database: Database, amountFen: number) {
  const { version: priceVersion } = await setPrices(database, TERMS, ORIGIN);
  const accountId = await makePurse(database, amountFen);
  const downloadId = newId();
  const begin = async (bytes: number, given: Partial<TransferHold> = {}) => {
    const expiresAt = new Date(Date.now() + 60_000);
    const lease = { holdId: newId(), accountId, downloadId, priceVersion, bytes, expiresAt };
    const order = { ...lease, ...given };
    expect(await holdForTransfer(database, order)).toBe(true);
    return {
      ...order,
      end: (sentBytes: number) => chargeTransfer(database, { ...order, bytes: sentBytes }),
    };
  };
  return { accountId, downloadId, begin };
}

/** Free and held, after a look at whether the books agree. */
async function purseOf(accountId: string) {
  const { cached, summed, kept, all } = await accountsOf(accountId);
  expect([summed, kept, all]).toEqual([cached, cached.held, 0]);
  return cached;
}

describeDatabases(({ open }) => {
  test("pieces cost together what the whole does: the minimum once, rounded up once", async () => {
    const database = await open();
    const { accountId, downloadId, begin } = await openPurse(database, 100);

    const first = await begin(150 * MB);
    expect(await purseOf(accountId)).toEqual({ free: 85, held: 15 });
    expect(await first.end(30 * MB)).toEqual({ chargedFen: 10, missingFen: 0 });
    // Paid for by the minimum.
    expect(await (await begin(70 * MB)).end(70 * MB)).toEqual({ chargedFen: 0, missingFen: 0 });
    expect(await (await begin(1)).end(1)).toEqual({ chargedFen: 1, missingFen: 0 });
    expect(await (await begin(49 * MB)).end(49 * MB)).toEqual({ chargedFen: 4, missingFen: 0 });

    expect(await purseOf(accountId)).toEqual({ free: 85, held: 0 });
    expect(await DownloadTraffic.findByPk(downloadId)).toMatchObject({
      bytesOut: 149 * MB + 1,
      chargedFen: 15,
    });
  });

  test("each of two at once has its own hold, and an end that is told twice counts once", async () => {
    const database = await open();
    const { accountId, begin } = await openPurse(database, 100);

    const [one, other] = await Promise.all([begin(200 * MB), begin(200 * MB)]);
    const held = await purseOf(accountId);
    const charged = await Promise.all([one.end(200 * MB), other.end(200 * MB)]);
    const again = await one.end(200 * MB);

    expect(held).toEqual({ free: 60, held: 40 });
    expect(charged.map(({ chargedFen }) => chargedFen)).toEqual([20, 20]);
    expect(again).toEqual({ chargedFen: 0, missingFen: 0 });
    expect(await purseOf(accountId)).toEqual({ free: 60, held: 0 });
  });

  test("nothing begins that the balance does not cover; nothing sent costs nothing", async () => {
    const database = await open();
    const { accountId, begin } = await openPurse(database, 10);

    const refused = await begin(110 * MB).catch((error: unknown) => refusalIn(error)?.code);
    const left = await begin(100 * MB);
    const second = await begin(100 * MB).catch((error: unknown) => refusalIn(error)?.code);
    await left.end(0);

    expect([refused, second]).toEqual([
      "billing/insufficient-balance",
      "billing/insufficient-balance",
    ]);
    expect(await purseOf(accountId)).toEqual({ free: 10, held: 0 });
  });

  test("an order without prices takes today's at its first transfer, and keeps them", async () => {
    const database = await open();
    const { begin, downloadId } = await openPurse(database, 100);

    await (await begin(100 * MB, { priceVersion: null })).end(100 * MB);
    await setPrices(database, { ...TERMS, microYuanPerGbOut: 9_000_000 }, ORIGIN);
    const again = await (await begin(100 * MB, { priceVersion: null })).end(100 * MB);

    expect(again).toEqual({ chargedFen: 10, missingFen: 0 });
    expect(await DownloadTraffic.findByPk(downloadId)).toMatchObject({ chargedFen: 20 });
  });

  test("the money of a process that died is free when its time has come; what is owed stops the next transfer until it is paid", async () => {
    const database = await open();
    const { accountId, begin } = await openPurse(database, 20);

    const dead = await begin(200 * MB, { expiresAt: new Date(Date.now() - 1) });
    await endAbandonedHolds(database);
    expect(await Hold.findByPk(dead.holdId)).toMatchObject({ state: "abandoned" });
    expect(await purseOf(accountId)).toEqual({ free: 20, held: 0 });
    // It was only slow after all, and the money has gone elsewhere meanwhile.
    await adjust(database, accountId, -15);
    expect(await dead.end(200 * MB)).toEqual({ chargedFen: 5, missingFen: 15 });
    const refused = await begin(MB).catch((error: unknown) => refusalIn(error)?.code);
    await adjust(database, accountId, 16);
    await (await begin(MB)).end(MB);

    expect(refused).toBe("billing/shortfall-not-covered");
    expect(await Shortfall.findAll({ where: { accountId } })).toMatchObject([
      { state: "settled", amountFen: 15 },
    ]);
    expect(await purseOf(accountId)).toEqual({ free: 0, held: 0 });
  });
});
