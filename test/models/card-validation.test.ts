import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { Card, CardMachine, sumCards } from "../../models/cards/index.ts";
import { OutboxEntry } from "../../models/operations.ts";
import { migrate } from "../../models/schema.ts";
import { makeBatch, makeCard, makePolicy, makeProduct, show } from "../support/cards.ts";
import { describeDatabases, openPlace } from "../support/database.ts";

const RACER = fileURLToPath(new URL("../support/card-racer.ts", import.meta.url));
const refused = (type: string) => expect.objectContaining({ type: `cards/${type}` });
const fates = (settled: PromiseSettledResult<unknown>[]) =>
  settled.map((one) =>
    one.status === "fulfilled" ? "good" : (one.reason as { type: string }).type,
  );
const countOf = (list: readonly string[], word: string) =>
  list.filter((one) => one === word).length;

describeDatabases(({ open, place }) => {
  test("of 200 machines in two processes that show one card at once, one gets it", async () => {
    const where = await place();
    const database = await openPlace(where);
    await migrate(database);
    const { id, codeHash } = await makeCard(database);

    const answers = await Promise.all(
      ["a", "b"].map(async (name) => {
        const child = fork(RACER, [JSON.stringify(where), codeHash, name, "100"], {
          execArgv: ["--import", "tsx"],
        });
        const [answer] = (await once(child, "message")) as [string[]];
        return answer;
      }),
    );

    const losers = answers.flat().filter((answer) => answer === "cards/machine-mismatch");
    const winners = answers.flat().filter((answer) => !answer.startsWith("cards/"));
    expect([winners.length, losers.length]).toEqual([1, 199]);
    expect(await Card.findByPk(id)).toMatchObject({ machineCode: winners[0], machines: 1 });
    expect(await sumCards()).toMatchObject({ unused: 0, active: 1 });
    expect(await OutboxEntry.count({ where: { workflowId: `card/${id}` } })).toBe(1);
  });

  test("the first use begins the term, and no later one makes it longer", async () => {
    const database = await open();
    const card = await makeCard(database);
    const before = Date.now();

    const first = await show(database, card);
    const again = await show(database, card);

    expect(first).toMatchObject({ state: "active", machineCode: "PC-1", machines: 1 });
    expect(first!.expireAt!.getTime()).toBeGreaterThanOrEqual(before + 10_800_000);
    expect(first!.expireAt!.getTime()).toBeLessThanOrEqual(Date.now() + 10_800_000);
    expect(again!.expireAt).toEqual(first!.expireAt);
    expect(await show(database, { codeHash: "0".repeat(64) })).toBeUndefined();
  });

  test("a policy says how long, from when, and for how many machines", async () => {
    const database = await open();
    const lifetime = await makePolicy({ termSeconds: null, maxMachines: 3 });
    const dated = await makePolicy({ startBasis: "date", noticeSeconds: 600 });
    const expireAt = new Date(Date.now() + 60_000);
    const [forEver, bound] = [
      await makeCard(database, { policyId: lifetime.id }),
      await makeCard(database, { policyId: dated.id, expireAt, timer: "wheel" }),
    ];

    expect(await show(database, forEver)).toMatchObject({ expireAt: null });
    expect(await show(database, bound)).toMatchObject({ expireAt, timer: "wheel" });
    const crowd = await Promise.allSettled(
      Array.from({ length: 12 }, (_, index) =>
        show(database, forEver, { machineCode: `PC-${index % 6}` }),
      ),
    );

    expect(countOf(fates(crowd), "good")).toBe(6);
    expect(countOf(fates(crowd), "cards/too-many-machines")).toBe(6);
    expect(await CardMachine.count({ where: { cardId: forEver.id } })).toBe(2);
    expect(await OutboxEntry.count()).toBe(0);
  });

  test("a machine of which enough parts are left is the same machine", async () => {
    const database = await open();
    const policy = await makePolicy({ machinePartsRequired: 3 });
    const card = await makeCard(database, { policyId: policy.id });
    const at = (machineCode: string, ...machineParts: string[]) =>
      show(database, card, { machineCode, machineParts });

    await at("one", "board", "disk", "cpu", "mac");

    expect(await at("two", "board", "new disk", "cpu", "mac")).toMatchObject({ machines: 1 });
    const other = at("three", "board", "new disk", "cpu", "new mac");
    await expect(other).rejects.toEqual(refused("machine-mismatch"));
    const moved = at("four", "mac", "board", "disk", "cpu");
    await expect(moved).rejects.toEqual(refused("machine-mismatch"));
  });

  test("uses are counted, each of them once, and then there are none left", async () => {
    const database = await open();
    const policy = await makePolicy({ uses: 5, maxMachines: 2 });
    const card = await makeCard(database, { policyId: policy.id, usesLeft: 5 });

    expect(await show(database, card, { useId: "first" })).toMatchObject({ usesLeft: 4 });
    await show(database, card, { useId: "first" });
    await show(database, card, { machineCode: "PC-2", useId: "second" });
    const crowd = await Promise.allSettled(Array.from({ length: 10 }, () => show(database, card)));

    expect(countOf(fates(crowd), "good")).toBe(3);
    expect(countOf(fates(crowd), "cards/count-exhausted")).toBe(7);
    expect(await show(database, card, { useId: "second" })).toMatchObject({ usesLeft: 0 });
    expect((await Card.findByPk(card.id))!.usesLeft).toBe(0);
  });

  test("what stands against a card is said in the order of the contract", async () => {
    const database = await open();
    const product = await makeProduct("editor");
    const past = new Date(Date.now() - 1);
    const frozen = await makeBatch({ frozen: true });
    const revoked = await makeBatch({ revoked: true, frozen: true });
    const bound = { machineCode: "PC-9", machines: 1, usesLeft: 0, productId: product.id };
    const fateOf = async (given: Partial<Card>) => {
      const card = await makeCard(database, { ...bound, ...given });
      const [fate] = fates(await Promise.allSettled([show(database, card, { product: "game" })]));
      return fate;
    };

    expect(await fateOf({ state: "banned", expireAt: past })).toBe("cards/banned");
    expect(await fateOf({ state: "active", batchId: revoked.id })).toBe("cards/banned");
    expect(await fateOf({ state: "suspended", expireAt: past })).toBe("cards/suspended");
    expect(await fateOf({ state: "unused", batchId: frozen.id })).toBe("cards/suspended");
    expect(await fateOf({ state: "expired" })).toBe("cards/expired");
    expect(await fateOf({ state: "active", expireAt: past })).toBe("cards/expired");
    expect(await fateOf({ state: "active" })).toBe("cards/product-mismatch");
    expect(await fateOf({ state: "active", productId: null })).toBe("cards/machine-mismatch");
    const mine = { state: "active", machineCode: "PC-1", productId: null } as const;
    expect(await fateOf(mine)).toBe("cards/count-exhausted");
    const gone = await makeCard(database, { deletedAt: past });
    expect(await show(database, gone)).toBeUndefined();
  });
});
