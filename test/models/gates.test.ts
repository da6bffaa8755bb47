import { expect, test } from "vitest";
import type { Database } from "../../models/database.ts";
import {
  enterGates,
  Gate,
  GatePass,
  GateWaiter,
  leaveGates,
  listGates,
  noteGates,
  openGate,
  setGate,
  tidyGates,
} from "../../models/gates/index.ts";
import { newId } from "../../platform/crypto.ts";
import { ADMIN } from "../support/actors.ts";
import { describeDatabases } from "../support/database.ts";

const OFTEN = { points: 10_000, seconds: 1 };
const USUAL = { host: { places: 2, rate: OFTEN }, platform: { places: 1, rate: OFTEN } };
const HOST = "host:films.example";

const enter = (database: Database, keys = [HOST], holder = newId(), seconds = 60) =>
  enterGates(database, { holder, keys, seconds }, USUAL);

describeDatabases(({ open }) => {
  test("thirty race for two places, two get in, and who leaves names who came first", async () => {
    const database = await open();
    const holders = Array.from({ length: 30 }, () => newId());

    const answers = await Promise.all(holders.map((holder) => enter(database, [HOST], holder)));

    const inside = holders.filter((_, at) => answers[at]!.isIn);
    expect(inside).toHaveLength(2);
    expect(answers.find(({ isIn }) => !isIn)).toMatchObject({ gate: HOST, why: "full" });
    expect(await enter(database, [HOST], inside[0])).toEqual({ isIn: true });
    const [view] = await listGates();
    expect(view).toMatchObject({ gate: { key: HOST } });
    expect([view!.passes.length, view!.waiters.length]).toEqual([2, 28]);
    const [first] = await leaveGates(database, inside[0]!, USUAL);
    const created = (holder: string) =>
      view!.waiters.find((waiter) => waiter.holder === holder)!.createdAt.getTime();
    const earliest = Math.min(...view!.waiters.map(({ holder }) => created(holder)));
    expect(created(first!)).toBe(earliest);
    expect(await enter(database)).toMatchObject({ why: "full" });
    expect(await leaveGates(database, inside[0]!, USUAL)).toEqual([]);
  });

  test("all gates are passed or none, and other hosts go on", async () => {
    const database = await open();
    const both = [HOST, "platform:youtube"];
    await enter(database, both);

    const second = await enter(database, both);

    expect(second).toMatchObject({ isIn: false, gate: "platform:youtube" });
    expect(await GatePass.count({ where: { gate: HOST } })).toBe(1);
    expect(await GateWaiter.count({ where: { gate: HOST } })).toBe(0);
    expect(await enter(database)).toEqual({ isIn: true });
    expect(await enter(database, ["host:other.example"])).toEqual({ isIn: true });
  });

  test("a host that sends us away is left alone until it says, then asked by one alone", async () => {
    const database = await open();
    const away = { went: "away", reason: "It wants to be asked less often." } as const;
    await noteGates(database, [HOST], { ...away, retryAfterSeconds: 3600 });
    await noteGates(database, [HOST], { ...away, retryAfterSeconds: 5 });
    await noteGates(database, [HOST], { went: "well" });

    const closed = await enter(database);
    await Gate.update({ closedUntil: new Date(0) }, { where: { key: HOST } });
    const [one, other] = [newId(), newId()];

    expect(closed).toMatchObject({ isIn: false, why: "closed" });
    const waitMs = (closed as { until: number }).until - Date.now();
    expect(Math.round(waitMs / 60_000)).toBe(60);
    await leaveGates(database, newId(), USUAL);
    await GateWaiter.destroy({ where: { gate: HOST } });
    expect(await enter(database, [HOST], one)).toEqual({ isIn: true });
    expect(await enter(database, [HOST], other)).toMatchObject({ why: "full" });
    await noteGates(database, [HOST], { went: "well" });
    expect(await enter(database, [HOST], other)).toEqual({ isIn: true });
  });

  test("what a killed workflow left behind lets others in again", async () => {
    const database = await open();
    for (let count = 0; count < 2; count++) await enter(database, [HOST], newId(), -1);

    expect(await enter(database)).toEqual({ isIn: true });
    await tidyGates(database, new Date(Date.now() + 3_600_000));
    expect(await GatePass.count()).toBe(0);
  });

  test("as many as find a place are told to come, also by who waits no longer", async () => {
    const database = await open();
    const [one, other, ...waiting] = Array.from({ length: 6 }, () => newId());
    for (const holder of [one!, other!, ...waiting]) await enter(database, [HOST], holder);
    const came = await GateWaiter.findAll({ order: ["createdAt", "holder"] });
    const [first, second, third] = came.map(({ holder }) => holder);

    expect(await leaveGates(database, one!, USUAL)).toEqual([first]);
    expect(await leaveGates(database, other!, USUAL)).toEqual([first, second]);
    expect(await leaveGates(database, first!, USUAL)).toEqual([second, third]);
  });

  test("gates that nobody uses are forgotten after a day, but what was said of them", async () => {
    const database = await open();
    await setGate(database, "host:set.example", { places: 1, rate: null }, { actor: ADMIN });
    for (const name of ["left", "busy", "closed"]) {
      const holder = newId();
      await enter(database, [`host:${name}.example`], holder, 7 * 86_400);
      if (name !== "busy") await leaveGates(database, holder, USUAL);
    }
    const away = { went: "away", reason: "429", retryAfterSeconds: 6 * 3600 } as const;
    await noteGates(database, ["host:closed.example"], away);
    const keys = async () => (await Gate.findAll({ order: ["key"] })).map(({ key }) => key);

    await tidyGates(database, new Date(Date.now() + 3_600_000));
    const soon = await keys();
    await Gate.update(
      { closedUntil: new Date(Date.now() + 2 * 86_400_000) },
      { where: { key: "host:closed.example" } },
    );
    await tidyGates(database, new Date(Date.now() + 90_000_000));

    expect(soon).toHaveLength(4);
    expect(await keys()).toEqual(["host:busy.example", "host:closed.example", "host:set.example"]);
  });

  test("administrators say what a gate lets through, and open it", async () => {
    const database = await open();
    await setGate(database, HOST, { places: 1, rate: null }, { actor: ADMIN });
    await enter(database);

    expect(await enter(database)).toMatchObject({ why: "full" });
    await setGate(database, HOST, { places: null, rate: null }, { actor: ADMIN });
    await GateWaiter.destroy({ where: { gate: HOST } });
    expect(await enter(database)).toEqual({ isIn: true });
    await noteGates(database, ["host:a.example"], { went: "away", reason: "429" });
    await openGate(database, "host:a.example", { actor: ADMIN });
    expect(await enter(database, ["host:a.example"])).toEqual({ isIn: true });
    await expect(openGate(database, "host:none", { actor: ADMIN })).rejects.toMatchObject({
      type: "gates/not-found",
    });
  });
});
