import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { checkBalances, LedgerEntry } from "../../models/billing/index.ts";
import { inTransaction } from "../../models/database.ts";
import { AuditEntry } from "../../models/operations.ts";
import { ALIPAY_NOTIFICATION_PATH } from "../../platform/payments/index.ts";
import { bearer } from "../support/accounts.ts";
import { takeChance } from "../support/chance.ts";
import { openBeside } from "../support/leftovers.ts";
import { signIn } from "../support/package-client.ts";
import { ADMIN_PASSWORD, startPlatform } from "../support/platform.ts";
import { type AlipayTrade, startAlipay } from "../support/stand-ins/alipay.ts";
import { until } from "../support/until.ts";

/** So many more payments are told of, each to an API that is killed at a moment of its own. */
const MOMENTS = 2;
/** A notification takes about as long. */
const LATEST_MS = 40;

async function start() {
  const alipay = await startAlipay();
  const platform = await startPlatform(alipay.env);
  onTestFinished(() => platform.remove());
  const database = await openBeside(platform);
  onTestFinished(() => database.close());
  const { accessToken } = await signIn(platform.address, ADMIN_PASSWORD);
  const ask = async (path: string, json?: object) => {
    const init = json && { method: "POST", body: JSON.stringify(json) };
    const headers = { ...bearer(accessToken), "Content-Type": "application/json" };
    return (await fetch(`${platform.address}${path}`, { ...init, headers })).json();
  };
  /** A payment of 50 yuan that the payer has made, and Alipay has told nobody of. */
  const pay = async (): Promise<AlipayTrade> => {
    const { pay_url } = (await ask("/api/v1/users/recharge", { amount: "50" })) as {
      pay_url: string;
    };
    return alipay.open(pay_url);
  };
  /** What is answered; undefined when nobody does. */
  const tell = (trade: AlipayTrade): Promise<string | undefined> => {
    const body = alipay.notification({ ...trade, trade_status: "TRADE_SUCCESS" });
    const address = `${platform.address}${ALIPAY_NOTIFICATION_PATH}`;
    return fetch(address, { method: "POST", body }).then(
      (answer) => answer.text(),
      () => undefined,
    );
  };
  return { platform, database, ask, pay, tell };
}

test("an API killed with -9 while Alipay tells it of a payment counts the money once when it is told again", async () => {
  const { platform, database, ask, pay, tell } = await start();
  const chance = takeChance();
  const trades: AlipayTrade[] = [];
  const toldAgain: unknown[] = [];
  const killDuring = async (trade: AlipayTrade, kill: () => Promise<unknown>) => {
    trades.push(trade);
    const told = tell(trade);
    await kill();
    await told;
    await until(async () => {
      const answer = await tell(trade);
      if (answer !== undefined) toldAgain.push(answer);
      return answer !== undefined;
    });
  };

  // Nobody else writes meanwhile: this one is killed before its own first word is written.
  const waiting = await pay();
  await killDuring(waiting, () =>
    inTransaction(database, async () => {
      await sleep(500);
      await platform.kill("api");
    }),
  );
  for (let n = 0; n < MOMENTS; n++) {
    await killDuring(await pay(), async () => {
      await sleep(chance.below(LATEST_MS));
      await platform.kill("api");
    });
  }

  expect(toldAgain).toEqual(trades.map(() => "success"));
  expect(await ask("/api/v1/users/balance")).toEqual({ balance: `${trades.length * 50}.00` });
  expect(await LedgerEntry.count({ where: { kind: "recharge", book: "free" } })).toBe(
    trades.length,
  );
  expect(await AuditEntry.count({ where: { action: "billing.recharge-paid" } })).toBe(
    trades.length,
  );
  expect((await checkBalances(database, { after: "" })).differences).toEqual([]);
});
