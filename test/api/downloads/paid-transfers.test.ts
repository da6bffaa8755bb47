import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { payForTransfer } from "../../../api/paid-transfers.ts";
import { FIRST_PRICES } from "../../../domain/billing.ts";
import { Hold, setPrices } from "../../../models/billing/index.ts";
import { type Download, DownloadTraffic } from "../../../models/downloads/index.ts";
import type { ObjectStore } from "../../../platform/objects/index.ts";
import { ADMIN, startApi } from "../../support/api.ts";
import { watch } from "../../support/delivery.ts";
import { makeDownload } from "../../support/downloads.ts";
import { accountsOf, adjust } from "../../support/ledger.ts";

/** Larger than what sockets take before anybody reads. */
const FILE_BYTES = 32_000_000;
const FILE_FEN = 32;

/** A download that is paid for, a fen for each megabyte, by somebody who has so much. */
async function openScene(amountFen: number, given: Partial<Download> = {}) {
  const objects = {
    async open() {
      const fill = async (block: Buffer) => block.fill(1).length;
      const object = watch(Buffer.alloc(0), { fill, file: "film" });
      object.facts = { ...object.facts, bytes: FILE_BYTES };
      return object;
    },
  } as Partial<ObjectStore> as ObjectStore;
  // Nobody else sends what has to be counted.
  const env = { DOWNLOAD_BILLING: "on", DELIVERY: "accel" };
  const api = await startApi({ env, services: { objects } });
  const { database } = api.services;
  const terms = { ...FIRST_PRICES, microYuanPerGbOut: 10_000_000 };
  const { version: priceVersion } = await setPrices(database, terms, { actor: ADMIN });
  // What is asked for today is no matter of those who have ordered before.
  await setPrices(database, { ...terms, microYuanPerGbOut: 1 }, { actor: ADMIN });
  await adjust(database, ADMIN.accountId, amountFen);
  const row = await makeDownload({
    state: "ready",
    objectKey: "k",
    fileName: "film.mp4",
    sha256: "0",
    priceVersion,
    ...given,
  });
  const path = `/api/v1/download/file?history_id=${row.serial}`;
  const open = async (range?: string) => {
    const asking = request(new URL(path, api.address), {
      agent: false,
      headers: {
        Authorization: `Bearer ${api.tokenOf(ADMIN)}`,
        "X-Sendfile-Type": "X-Accel-Redirect",
        ...(range && { Range: `bytes=${range}` }),
      },
    }).end();
    onTestFinished(() => void asking.destroy());
    const [answer] = (await once(asking, "response")) as [IncomingMessage];
    asking.on("error", () => undefined);
    answer.on("error", () => undefined);
    return { answer, leave: () => void asking.destroy() };
  };
  const fetch = async (range?: string) => {
    const { answer } = await open(range);
    let bytes = 0;
    for await (const piece of answer) bytes += (piece as Buffer).length;
    return { status: answer.statusCode, bytes };
  };
  const purse = async () => (await accountsOf(ADMIN.accountId)).cached;
  /** Waits until that much is free and nothing held: a transfer is charged after its last byte. */
  const settled = (free: number) =>
    vi.waitFor(async () => expect(await purse()).toEqual({ free, held: 0 }), 20_000);
  return { api, row, path, open, fetch, purse, settled };
}

describe("GET /api/v1/download/file", () => {
  test("is charged by what has gone, whole, in ranges, and once more", async () => {
    const { api, row, path, fetch, settled } = await openScene(200);

    expect(await fetch()).toEqual({ status: 200, bytes: FILE_BYTES });
    await settled(200 - FILE_FEN);
    // Two halves of a megabyte are one.
    expect(await fetch("0-499999")).toEqual({ status: 206, bytes: 500_000 });
    await settled(200 - FILE_FEN - 1);
    expect(await fetch("500000-999999")).toEqual({ status: 206, bytes: 500_000 });
    await vi.waitFor(async () => {
      expect(await Hold.count({ where: { state: "open" } })).toBe(0);
    }, 20_000);
    await settled(200 - FILE_FEN - 1);
    const head = await api.call(ADMIN, "HEAD", path);
    expect(head.status).toBe(200);
    expect(await fetch()).toEqual({ status: 200, bytes: FILE_BYTES });
    await settled(200 - 2 * FILE_FEN - 1);

    expect(await DownloadTraffic.findByPk(row.id)).toMatchObject({
      priceVersion: row.priceVersion,
      bytesOut: 2 * FILE_BYTES + 1_000_000,
      chargedFen: 2 * FILE_FEN + 1,
    });
    expect(await Hold.findAll()).toHaveLength(4);
    const { body: bills } = await api.call(ADMIN, "GET", "/api/v1/users/bills");
    expect(JSON.stringify(bills)).toContain(row.id);
  });

  test("a client that leaves pays for what it got, and comes for the rest", async () => {
    const { row, open, fetch, purse, settled } = await openScene(200);

    const { answer, leave } = await open();
    await once(answer, "readable");
    const held = await purse();
    leave();
    await vi.waitFor(async () => expect((await purse()).held).toBe(0), 20_000);
    const { bytesOut, chargedFen } = (await DownloadTraffic.findByPk(row.id))!;
    await fetch(`${bytesOut}-`);
    await settled(200 - FILE_FEN);

    expect(held).toEqual({ free: 200 - FILE_FEN, held: FILE_FEN });
    expect(bytesOut).toBeGreaterThan(0);
    expect(bytesOut).toBeLessThan(FILE_BYTES);
    expect(chargedFen).toBe(Math.ceil(bytesOut / 1_000_000));
    expect(await DownloadTraffic.findByPk(row.id)).toMatchObject({
      bytesOut: FILE_BYTES,
      chargedFen: FILE_FEN,
    });
  });

  test("of two at once each holds its own; what the balance does not cover is refused before a byte, and takes no place", async () => {
    const { api, path, open, purse, settled } = await openScene(2 * FILE_FEN);

    const two = [await open(), await open()];
    const held = await purse();
    const third = await api.call(ADMIN, "GET", path);
    const places = await api.services.transfers.list();
    for (const { answer } of two) for await (const _ of answer);
    await settled(0);

    expect(held).toEqual({ free: 0, held: 2 * FILE_FEN });
    expect(third).toMatchObject({
      status: 403,
      body: { code: "downloads/insufficient-balance", detail: "余额不足" },
    });
    expect(places).toHaveLength(2);
  });

  test("what a process that stops has sent is charged before it ends", async () => {
    const { api, row, open, purse } = await openScene(200);

    const { answer } = await open();
    await once(answer, "readable");
    await api.close();
    await api.services.transfers.close();

    const { chargedFen } = (await DownloadTraffic.findByPk(row.id))!;
    expect(chargedFen).toBeGreaterThan(0);
    expect(await purse()).toEqual({ free: 200 - chargedFen, held: 0 });
  });

  test("the money stays held for as long as bytes go", async () => {
    const { api, row } = await openScene(200);
    const { accountId, id: downloadId, priceVersion } = row;
    const transfer = { waitToSend: async () => undefined, sent: vi.fn(), end: vi.fn() };
    const order = { accountId, downloadId, priceVersion, bytes: FILE_BYTES };
    const paid = await payForTransfer(api.services, transfer, order);
    const began = (await Hold.findOne())!.expiresAt.getTime();
    vi.useFakeTimers({ toFake: ["Date"], now: began - 60_000 });
    onTestFinished(() => void vi.useRealTimers());

    paid.sent(1_000_000);
    paid.sent(1_000_000);
    await paid.end();

    expect(await Hold.findOne()).toMatchObject({
      state: "captured",
      capturedFen: 2,
      expiresAt: new Date(began - 60_000 + 600_000),
    });
    expect([transfer.sent.mock.calls.length, transfer.end.mock.calls.length]).toEqual([2, 1]);
  });

  test("what costs nothing is held for by nobody", async () => {
    const { fetch, purse } = await openScene(1, { priceVersion: 1 });

    expect(await fetch()).toEqual({ status: 200, bytes: FILE_BYTES });

    expect([await purse(), await Hold.count()]).toEqual([{ free: 1, held: 0 }, 0]);
  });
});
