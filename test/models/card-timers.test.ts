import { expect, test, vi } from "vitest";
import { CARD_SHARDS } from "../../domain/cards.ts";
import {
  Card,
  CardWheel,
  endCardsWith,
  endDueCards,
  lookAtCard,
  mendTimers,
  MOST_AT_ONCE,
  restWheel,
  sumCards,
} from "../../models/cards/index.ts";
import { OutboxEntry } from "../../models/operations.ts";
import { Webhook, WebhookDelivery } from "../../models/webhooks/index.ts";
import { makeCard, makePolicy, show } from "../support/cards.ts";
import { describeDatabases } from "../support/database.ts";
import { makeWebhook } from "../support/webhooks.ts";

const HOURS = 3_600_000;
const inMs = (ms: number) => new Date(Date.now() + ms);
/** An active card that is due so, of the shard 0. */
const due = (expireAt: Date, more: Partial<Card> = {}) =>
  ({
    state: "active",
    machineCode: "PC-1",
    machines: 1,
    shard: 0,
    timer: "wheel",
    expireAt,
    dueAt: expireAt,
    ...more,
  }) as const;
const messages = async () =>
  (await OutboxEntry.findAll({ order: [["id", "ASC"]] })).map(({ workflowId, startAt }) => ({
    workflowId,
    startAt,
  }));

describeDatabases(({ open }) => {
  test("good to the last moment of its term and over at its end, whoever is there to notice", async () => {
    const database = await open();
    const card = await makeCard(database);
    const begun = new Date("2026-11-21T12:00:00Z");
    const at = (ms: number) => vi.setSystemTime(begun.getTime() + ms);
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      at(0);
      await show(database, card);
      at(3 * HOURS - 100);
      expect(await show(database, card)).toMatchObject({ state: "active" });
      at(3 * HOURS + 100);
      const refused = expect.objectContaining({ type: "cards/expired" });
      await expect(show(database, card)).rejects.toEqual(refused);
    } finally {
      vi.useRealTimers();
    }
    // Nobody has ended it: the row still says what it said.
    expect((await Card.findByPk(card.id))!.state).toBe("active");
  });

  test("what is due in a shard is ended together, counted, and told once", async () => {
    const database = await open();
    await makeWebhook(database, { events: ["card.expired", "card.expiring"] });
    const [past, soon] = [inMs(-1000), inMs(600_000)];
    const over = await makeCard(database, due(past));
    const unused = await makeCard(database, due(past, { state: "unused", machineCode: null }));
    const noted = await makeCard(database, due(soon, { noticeAt: past, dueAt: past }));
    const other = await makeCard(database, due(past, { shard: 1 }));
    const standing = await makeCard(database, due(past, { state: "suspended", dueAt: null }));

    const ended = await Promise.all([endDueCards(database, 0), endDueCards(database, 0)]);

    expect(ended.sort()).toEqual([0, 3]);
    const states = await Promise.all(
      [over, unused, noted, other, standing].map((one) => one.reload()),
    );
    expect(states.map(({ state }) => state)).toEqual([
      "expired",
      "expired",
      "active",
      "active",
      "suspended",
    ]);
    expect(noted).toMatchObject({ noticeAt: null, dueAt: soon });
    expect(await sumCards()).toMatchObject({ unused: 0, active: 2, expired: 2, suspended: 1 });
    const told = await WebhookDelivery.findAll({ attributes: ["event"] });
    const events = told.map(({ event }) => event).sort();
    expect(events).toEqual(["card.expired", "card.expired", "card.expiring"]);
    expect(await Webhook.count()).toBe(1);
  });

  test("as many as fit are ended at once, and no more", async () => {
    const database = await open();
    const past = inMs(-1000);
    const template = (await makeCard(database, due(past))).get();
    const cards = Array.from({ length: MOST_AT_ONCE }, (_, index) => {
      const codeHash = String(index).padStart(64, "0");
      return { ...template, id: `card-${index}`.padStart(36, "0"), codeHash };
    });
    await Card.bulkCreate(cards);

    expect(await endDueCards(database, 0)).toBe(MOST_AT_ONCE);
    expect(await endDueCards(database, 0)).toBe(1);
    expect(await endDueCards(database, 0)).toBe(0);
  });

  test("up to so many cards each get a workflow at their end; beyond, their wheel is told of the first", async () => {
    const database = await open();
    const few = { mostRuns: 1 };
    const cards = await Promise.all([1, 2, 3].map(() => makeCard(database, { shard: 5 })));
    const [first, second, third] = cards;

    const shown = await show(database, first!, {}, few);
    await show(database, second!, {}, few);
    await show(database, third!, {}, few);

    expect(await messages()).toEqual([
      { workflowId: `card/${first!.id}`, startAt: shown!.expireAt },
      { workflowId: "card-wheel/5", startAt: null },
    ]);
    const rows = await Promise.all(cards.map((card) => card.reload()));
    expect(rows.map(({ timer }) => timer)).toEqual(["run", "wheel", "wheel"]);
    const wheel = await CardWheel.findByPk("5");
    expect(wheel!.wakesAt).toEqual(second!.dueAt);
    expect(await restWheel(database, 5)).toEqual(second!.dueAt);
    expect(await restWheel(database, 6)).toBeNull();
  });

  test("a run ends when the clock of its card stands, and looks at what is due before", async () => {
    const database = await open();
    const policy = await makePolicy({ noticeSeconds: 600 });
    const card = await makeCard(database, { policyId: policy.id, shard: 2 });
    const { expireAt } = (await show(database, card))!;
    const noticeAt = new Date(expireAt!.getTime() - 600_000);

    expect(await lookAtCard(database, card.id)).toEqual(noticeAt);
    await card.update({ noticeAt: inMs(-1), dueAt: inMs(-1) });
    expect(await endCardsWith(database, card.id)).toEqual(expireAt);
    await card.update({ dueAt: null });
    expect(await lookAtCard(database, card.id)).toBeNull();
    expect((await card.reload()).timer).toBeNull();
    expect(await lookAtCard(database, "nobody")).toBeNull();
  });

  test("every hour, what is overdue is ended, and what has no timer gets one", async () => {
    const database = await open();
    const late = await makeCard(database, due(inMs(-120_000), { timer: null }));
    const lost = await makeCard(database, due(inMs(600_000), { timer: null, shard: 3 }));
    const run = await makeCard(database, due(inMs(600_000), { timer: "run", shard: 4 }));
    await makeCard(database, due(inMs(10 * HOURS), { timer: "run", shard: 4 }));

    const mended = await mendTimers(database, 60);

    expect(mended).toEqual({ ended: 1, begun: 1 });
    expect((await late.reload()).state).toBe("expired");
    expect((await lost.reload()).timer).toBe("wheel");
    const told = (await messages()).map(({ workflowId }) => workflowId);
    expect(told).toEqual(["card-wheel/3", `card/${run.id}`]);
    expect(await CardWheel.count()).toBe(CARD_SHARDS);
  });
});
