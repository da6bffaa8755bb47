import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { checkBalances, LedgerEntry } from "../../models/billing/index.ts";
import type { DatabasePlace } from "../../models/database.ts";
import { migrate } from "../../models/schema.ts";
import { newId } from "../../platform/crypto.ts";
import { describeDatabases, openPlace } from "../support/database.ts";
import { accountsOf, capture, hold, makePurse } from "../support/ledger.ts";

const CAPTURER = fileURLToPath(new URL("../support/capturer.ts", import.meta.url));
const HOLDS = 100;

/** A database with somebody who has so many holds of 10, and how each of them is charged 7. */
async function prepare(place: DatabasePlace, holds: number) {
  const database = await openPlace(place);
  await migrate(database);
  const accountId = await makePurse(database, holds * 10);
  const captures = [];
  for (let n = 0; n < holds; n++) {
    const { id: holdId } = await hold(database, accountId, 10);
    captures.push({ operationId: newId(), holdId, amountFen: 7, isFinal: true });
  }
  return { database, accountId, captures };
}

/** Lets another process charge; `end` is where it is to kill itself. */
function startCapturer(place: DatabasePlace, captures: object[], end = "") {
  const args = [CAPTURER, JSON.stringify(place), JSON.stringify(captures), end];
  return spawn(process.execPath, ["--import", "tsx", ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

describeDatabases(({ place }) => {
  test.each(["before it writes", "before it commits", "after it committed"])(
    "a charge whose process is killed %s is made once when it is made again",
    async (end) => {
      const where = await place();
      const { database, accountId, captures } = await prepare(where, 1);

      const [, signal] = (await once(startCapturer(where, captures, end), "exit")) as unknown[];
      const [{ operationId, holdId, amountFen }] = captures as [(typeof captures)[number]];
      const captured = await capture(database, { id: holdId }, amountFen, { operationId });

      expect(signal).toBe("SIGKILL");
      expect(captured).toEqual({ chargedFen: 7, missingFen: 0 });
      expect(await LedgerEntry.count({ where: { operationId, book: "revenue" } })).toBe(1);
      expect(await accountsOf(accountId)).toMatchObject({ cached: { free: 3, held: 0 } });
    },
  );

  test("a process killed anywhere among its charges has charged each once when all are made again", async () => {
    const where = await place();
    const { database, accountId, captures } = await prepare(where, HOLDS);
    const capturer = startCapturer(where, captures);
    const ended = once(capturer, "exit");
    await once(capturer.stdout, "data");
    await sleep(Math.random() * 200);

    capturer.kill("SIGKILL");
    await ended;
    for (const { holdId, amountFen, operationId } of captures) {
      await capture(database, { id: holdId }, amountFen, { operationId });
    }

    expect(await accountsOf(accountId)).toMatchObject({
      cached: { free: HOLDS * 3, held: 0 },
      summed: { free: HOLDS * 3, held: 0 },
      revenue: HOLDS * 7,
      all: 0,
    });
    expect((await checkBalances(database, { after: "" })).differences).toEqual([]);
  });
});
