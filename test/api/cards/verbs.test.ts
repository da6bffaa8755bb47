import { describe, expect, test } from "vitest";
import type { Actor } from "../../../domain/accounts.ts";
import { type Card, CardMachine, CardSeller, sumCards } from "../../../models/cards/index.ts";
import { createFirstAdministrator } from "../../../models/accounts.ts";
import { AuditEntry, OutboxEntry } from "../../../models/operations.ts";
import { newId } from "../../../platform/crypto.ts";
import { ADMIN, type StartedApi, startApi, STRANGER } from "../../support/api.ts";
import { makeBatch, makeCard, makePolicy, makeProduct, show } from "../../support/cards.ts";

const HOUR_MS = 3_600_000;
const inMs = (ms: number) => new Date(Date.now() + ms);

/** An API with an active card, whose three hours have just begun; its timer is on its way. */
async function startWithActive(given: Partial<Card> = {}) {
  const api = await startApi();
  const card = await makeCard(api.services.database, given);
  await show(api.services.database, card);
  return { api, card: await card.reload() };
}

const order = (api: StartedApi, { id }: Card, verb: string, json: object = {}, actor = ADMIN) =>
  api.call(actor, "POST", `/api/v1/cards/${id}/${verb}`, { json });
const read = (api: StartedApi, { id }: Card, actor: Actor = ADMIN) =>
  api.call(actor, "GET", `/api/v1/cards/${id}`);
/** What each audit entry of cards says was done, oldest first. */
const audited = async () =>
  (await AuditEntry.findAll({ where: { subjectKind: "card" }, order: [["sequence", "ASC"]] })).map(
    ({ action }) => action,
  );
/** The commands to workflows since `after`. */
const commands = async () =>
  (await OutboxEntry.findAll({ order: [["id", "ASC"]] })).map(
    ({ workflowId, command }) => `${workflowId.split("/")[0]} ${command?.update ?? "start"}`,
  );

describe("GET /api/v1/cards/:id", () => {
  test("shows a card with its machines, its timer and the way to its run, and its code never", async () => {
    const batch = { frozen: true };
    const { api, card } = await startWithActive();

    const { body } = await read(api, card);

    expect(body).toMatchObject({
      status: "ACTIVE",
      state: "active",
      machines: ["PC-1"],
      timer: { kind: "run", due_at: card.expireAt!.toISOString() },
    });
    expect(body.timer.temporal_url).toContain(encodeURIComponent(`card/${card.id}`));
    expect(JSON.stringify(body)).not.toContain(card.codeHash);
    await card.update({ batchId: (await makeBatch(batch)).id });
    expect((await read(api, card)).body).toMatchObject({ status: "EXPIRED", state: "suspended" });
    expect((await read(api, card, STRANGER)).status).toBe(403);
  });

  test("a seller reaches the cards of what they sell, and the others are not there", async () => {
    const { api, card } = await startWithActive();
    const product = await makeProduct();
    const accountId = newId();
    const account = { id: accountId, username: "shop", passwordHash: "-" };
    await createFirstAdministrator(api.services.database, account);
    await CardSeller.create({ productId: product.id, accountId });
    const seller = {
      accountId,
      name: "shop",
      permissions: ["cards:read", "cards:change"],
    } as const;
    const sold = await makeCard(api.services.database, { productId: product.id });

    expect((await read(api, sold, seller)).status).toBe(200);
    expect((await read(api, card, seller)).body.code).toBe("cards/not-found");
    expect((await order(api, card, "ban", {}, seller)).status).toBe(404);
    expect((await order(api, sold, "ban", {}, seller)).status).toBe(200);
  });
});

describe("POST /api/v1/cards/:id/extend", () => {
  test("moves the end, and lets what has expired live again from now on", async () => {
    const { api, card } = await startWithActive();
    const end = card.expireAt!.getTime();

    const longer = await order(api, card, "extend", { seconds: 3600, reason: "sorry" });

    expect(longer.status).toBe(200);
    expect(Date.parse(longer.body.expire_at as string)).toBe(end + HOUR_MS);
    // Its run wakes at the old end, looks and sleeps on: nobody needs to tell it.
    expect(await commands()).toEqual(["card start"]);

    await card.update({ state: "expired", expireAt: inMs(-HOUR_MS), dueAt: null, timer: null });
    const from = Date.now();
    const revived = await order(api, card, "extend", { seconds: 60 });
    expect(revived.body).toMatchObject({ state: "active", timer: { kind: "run" } });
    expect(Date.parse(revived.body.expire_at as string)).toBeGreaterThanOrEqual(from + 60_000);
    expect(await commands()).toEqual(["card start", "card look"]);
    expect(await audited()).toEqual(["cards.extended", "cards.extended"]);
  });

  test("refuses what has no end, and what is banned", async () => {
    const { api, card } = await startWithActive();
    const unused = await makeCard(api.services.database);

    expect((await order(api, unused, "extend", { seconds: 60 })).body.code).toBe(
      "cards/unfit-state",
    );
    await order(api, card, "ban");
    expect((await order(api, card, "extend", { seconds: 60 })).status).toBe(409);
    expect((await order(api, card, "extend", { seconds: 0 })).status).toBe(422);
    expect((await order(api, card, "extend", { seconds: 60 }, STRANGER)).status).toBe(403);
  });
});

describe("POST /api/v1/cards/:id/suspend", () => {
  test("stops the clock or lets it run, as the policy says", async () => {
    const stops = await makeSuspended("stops");
    expect(stops.suspended.body).toMatchObject({
      status: "EXPIRED",
      state: "suspended",
      expire_at: null,
      timer: null,
    });
    expect(stops.suspended.body.remaining_seconds).toBeGreaterThan(3590);

    const runs = await makeSuspended("runs");
    expect(runs.suspended.body).toMatchObject({
      expire_at: runs.card.expireAt!.toISOString(),
      remaining_seconds: null,
      timer: null,
    });
    expect((await order(runs.api, runs.card, "suspend")).body.code).toBe("cards/unfit-state");
    expect(await sumCards()).toMatchObject({ active: 0, suspended: 1 });
  });
});

describe("POST /api/v1/cards/:id/reinstate", () => {
  test("gives back the time that stood, and not the time that ran on", async () => {
    const stops = await makeSuspended("stops");
    const from = Date.now();
    const back = await order(stops.api, stops.card, "reinstate");
    expect(back.body).toMatchObject({ state: "active", remaining_seconds: null });
    const leftMs = Date.parse(back.body.expire_at as string) - from;
    expect(leftMs).toBeGreaterThan(HOUR_MS - 60_000);
    expect(leftMs).toBeLessThanOrEqual(HOUR_MS + 60_000);
    // Its run is still there, and sleeps no longer than the card has.
    expect(await commands()).toEqual(["card start"]);

    const runs = await makeSuspended("runs");
    await runs.card.reload();
    await runs.card.update({ expireAt: inMs(-1) });
    const over = await order(runs.api, runs.card, "reinstate");
    expect(over.body).toMatchObject({ state: "expired", timer: null });
    expect((await order(runs.api, runs.card, "reinstate")).status).toBe(409);
    expect(await sumCards()).toMatchObject({ active: 0, suspended: 0, expired: 1 });
    expect(await audited()).toEqual(["cards.suspended", "cards.reinstated"]);
  });
});

describe("POST /api/v1/cards/:id/ban", () => {
  test("ends a card for good, with the reason in the audit", async () => {
    const { api, card } = await startWithActive();

    expect((await order(api, card, "ban", { reason: "sold twice" })).body).toMatchObject({
      state: "banned",
      status: "EXPIRED",
      timer: null,
    });

    const refused = expect.objectContaining({ type: "cards/banned" });
    await expect(show(api.services.database, card)).rejects.toEqual(refused);
    expect((await order(api, card, "reinstate")).status).toBe(409);
    const entry = await AuditEntry.findOne({ where: { action: "cards.banned" } });
    expect(entry).toMatchObject({ before: { state: "active" }, after: { reason: "sold twice" } });
    expect(await sumCards()).toMatchObject({ active: 0, banned: 1 });
  });
});

describe("POST /api/v1/cards/:id/unbind", () => {
  test("frees one machine or all, and another one may come", async () => {
    const api = await startApi();
    const { database } = api.services;
    const { id: policyId } = await makePolicy({ maxMachines: 2 });
    const card = await makeCard(database, { policyId });
    for (const machineCode of ["PC-1", "PC-2"]) await show(database, card, { machineCode });

    expect((await order(api, card, "unbind", { machine_code: "PC-9" })).body.code).toBe(
      "cards/machine-not-found",
    );
    const one = await order(api, card, "unbind", { machine_code: "PC-1" });
    expect(one.body).toMatchObject({ state: "active", machines: ["PC-2"] });
    expect(await show(database, card, { machineCode: "PC-2" })).toMatchObject({ machines: 1 });
    await show(database, card, { machineCode: "PC-3" });
    const full = expect.objectContaining({ type: "cards/too-many-machines" });
    await expect(show(database, card, { machineCode: "PC-1" })).rejects.toEqual(full);
    expect((await order(api, card, "unbind")).body.machines).toEqual([]);
    expect(await CardMachine.count()).toBe(0);
    expect(await show(database, card, { machineCode: "PC-4" })).toMatchObject({ machines: 1 });
    expect(await audited()).toEqual(["cards.unbound", "cards.unbound"]);
  });
});

describe("POST /api/v1/cards/:id/transfer", () => {
  test("moves time to another card of the same product, some of it or all", async () => {
    const { api, card: from } = await startWithActive();
    const to = await makeCard(api.services.database);
    await show(api.services.database, to);
    await to.reload();
    const ends = [from.expireAt!.getTime(), to.expireAt!.getTime()] as const;

    const some = await order(api, from, "transfer", { to: to.id, seconds: 3600 });

    expect(Date.parse(some.body.expire_at as string)).toBe(ends[0] - HOUR_MS);
    expect((await to.reload()).expireAt!.getTime()).toBe(ends[1] + HOUR_MS);
    // What has less time now must hear of it; what has more finds out.
    expect(await commands()).toEqual(["card start", "card start", "card look"]);
    const greedy = await order(api, from, "transfer", { to: to.id, seconds: 36_000 });
    expect(greedy.body.code).toBe("cards/unfit-state");

    const all = await order(api, from, "transfer", { to: to.id });
    expect(all.body).toMatchObject({ state: "expired", timer: null });
    const leftMs = (await to.reload()).expireAt!.getTime() - Date.now();
    expect(leftMs).toBeGreaterThan(6 * HOUR_MS - 60_000);
    expect(await sumCards()).toMatchObject({ active: 1, expired: 1 });
    const transfers = ["cards.transferred", "cards.extended"];
    expect(await audited()).toEqual([...transfers, ...transfers]);
    const other = await makeCard(api.services.database, { productId: (await makeProduct()).id });
    expect((await order(api, to, "transfer", { to: other.id })).body.code).toBe(
      "cards/unfit-state",
    );
    expect((await order(api, to, "transfer", { to: newId() })).status).toBe(404);
  });
});

/** A card of an hour that was suspended by this clock. */
async function makeSuspended(suspendedClock: "runs" | "stops") {
  const api = await startApi();
  const { id: policyId } = await makePolicy({ suspendedClock });
  const card = await makeCard(api.services.database, { policyId });
  await show(api.services.database, card);
  const suspended = await order(api, await card.reload(), "suspend");
  return { api, card, suspended };
}
