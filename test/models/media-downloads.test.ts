import { expect, test } from "vitest";
import { refusalIn } from "../../domain/errors.ts";
import {
  countBy,
  Download,
  keepTicket,
  listHistory,
  moveDownload,
  orderDownload,
  usedToday,
  useTicket,
} from "../../models/downloads/index.ts";
import { Webhook, WebhookDelivery } from "../../models/webhooks/index.ts";
import { newId, sha256 } from "../../platform/crypto.ts";
import { ADMIN } from "../support/actors.ts";
import { describeDatabases } from "../support/database.ts";
import { makeDownload } from "../support/downloads.ts";

const { accountId } = ADMIN;
const order = (id = newId()) =>
  ({
    id,
    accountId,
    url: "https://media.example/片子.mp4",
    platform: "generic",
    mode: "archive",
    quality: "best",
    format: "mp4",
    formatId: null,
  }) as const;

describeDatabases(({ open }) => {
  test("of orders that come at once so many are taken as a day has, each under a number of its own", async () => {
    const database = await open();
    const orders = Array.from({ length: 8 }, () =>
      orderDownload(database, order(), 3, { actor: ADMIN }).catch(
        (error: unknown) => refusalIn(error)?.code,
      ),
    );

    const taken = await Promise.all(orders);

    const rows = taken.filter((one) => one instanceof Download);
    expect(rows).toHaveLength(3);
    expect(new Set(rows.map(({ serial }) => serial)).size).toBe(3);
    expect(taken.filter((one) => one === "downloads/quota-exceeded")).toHaveLength(5);
    expect(await usedToday(accountId)).toBe(3);
  });

  test("the same order twice is one, and counts once", async () => {
    const database = await open();
    const same = order();

    const twice = await Promise.all(
      [1, 2].map(() => orderDownload(database, same, 10, { actor: ADMIN })),
    );

    expect(twice[0]!.serial).toBe(twice[1]!.serial);
    expect([await Download.count(), await usedToday(accountId)]).toEqual([1, 1]);
  });

  test("it moves once, and those who listen hear of it once", async () => {
    const database = await open();
    const { id } = await makeDownload({ state: "working" });
    await Webhook.create({
      id: newId(),
      ownerId: accountId,
      url: "https://a.example",
      events: ["download.ready"],
      state: "paused",
      secret: "s",
    });
    const move = { from: ["working"], to: "ready" } as const;
    const expireAt = new Date("2026-11-22T00:00:00.123Z");

    const first = await moveDownload(database, id, move, { expireAt });
    const again = await moveDownload(database, id, move, { expireAt: new Date() });
    const wrong = await moveDownload(database, id, { from: ["queued"], to: "working" });

    expect(first!.expireAt).toEqual(expireAt);
    expect(again!.expireAt).toEqual(expireAt);
    expect(wrong).toBeUndefined();
    expect(await WebhookDelivery.count()).toBe(1);
  });

  test("a ticket is used once, whoever comes at the same time", async () => {
    const database = await open();
    const hash = sha256("ticket");
    await keepTicket(database, { hash, downloadId: newId(), accountId });

    const used = await Promise.all([1, 2, 3].map(() => useTicket(database, hash)));

    expect(used.filter(Boolean)).toHaveLength(1);
  });

  test("a history is listed and added up by what was asked", async () => {
    await open();
    await makeDownload({ state: "kept", bytes: 2 ** 40, platform: "youtube" });
    await makeDownload({ state: "failed" });
    const page = {
      accountId,
      parentId: null,
      sortBy: "created_at",
      order: "DESC",
      offset: 0,
      limit: 1,
    } as const;

    const all = await listHistory(page);
    const kept = await listHistory({ ...page, state: "kept", platform: "youtube" });

    expect([all.total, all.items.length, kept.total]).toEqual([2, 1, 1]);
    expect((await countBy("state", accountId)).toSorted((a, b) => a.bytes - b.bytes)).toEqual([
      { name: "failed", count: 1, bytes: 0 },
      { name: "kept", count: 1, bytes: 2 ** 40 },
    ]);
  });
});
