import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { Actor } from "../../../domain/accounts.ts";
import type { ObjectStore } from "../../../platform/objects/index.ts";
import { ADMIN, startApi, STRANGER } from "../../support/api.ts";
import { watch } from "../../support/delivery.ts";
import { makeDownload } from "../../support/downloads.ts";

const MiB = 1024 * 1024;
const FILE_BYTES = 1024 * MiB;
const TRANSFERS = "/api/v1/admin/transfers";
const OVERSEER: Actor = { ...ADMIN, permissions: ["downloads:oversee"] };

/** An API whose every download has a file that no client comes to the end of. */
async function openScene(variables: Record<string, string> = {}) {
  const opened = { count: 0, closed: 0 };
  const objects = {
    async open() {
      opened.count++;
      const object = watch(Buffer.alloc(0), { fill: async (block) => block.fill(1).length });
      object.facts = { ...object.facts, bytes: FILE_BYTES };
      return { ...object, close: async () => void opened.closed++ };
    },
  } as Partial<ObjectStore> as ObjectStore;
  const api = await startApi({ env: variables, services: { objects } });
  const given = { state: "ready", objectKey: "k", fileName: "film.mp4", sha256: "0" } as const;
  const row = await makeDownload(given);
  const other = await makeDownload({ ...given, accountId: STRANGER.accountId });
  const path = (serial: number) => `/api/v1/download/file?history_id=${serial}`;
  /** Begins to fetch a file, and reads no more of it than the answer's head. */
  const fetch = async (actor = ADMIN, serial = row.serial, method = "GET") => {
    const asking = request(new URL(path(serial), api.address), {
      method,
      agent: false,
      headers: { Authorization: `Bearer ${api.tokenOf(actor)}` },
    }).end();
    onTestFinished(() => void asking.destroy());
    const [answer] = (await once(asking, "response")) as [IncomingMessage];
    asking.on("error", () => undefined);
    answer.on("error", () => undefined);
    return { asking, answer, status: answer.statusCode };
  };
  return { api, row, other, opened, fetch };
}

const leave = ({ asking }: { asking: ClientRequest }) => void asking.destroy();

describe("GET /api/v1/admin/transfers", () => {
  test("of 60 who fetch at once 50 do; the others are told when to come again, and one place is free when one leaves", async () => {
    const { api, row, opened, fetch } = await openScene();

    const all = await Promise.all(Array.from({ length: 60 }, () => fetch()));
    const got = all.filter(({ status }) => status === 200);
    const refused = all.filter(({ status }) => status === 503);
    const shown = (await api.call(OVERSEER, "GET", TRANSFERS)).body;
    // A head, and what has not changed, are nobody's transfer.
    const head = await fetch(ADMIN, row.serial, "HEAD");
    // Those who have a place do not notice.
    const going = await Promise.all(
      got.map(async ({ answer }) => {
        let bytes = 0;
        for await (const piece of answer) if ((bytes += (piece as Buffer).length) > MiB) break;
        return bytes;
      }),
    );

    expect([got.length, refused.length, head.status]).toEqual([50, 10, 200]);
    expect(refused[0]!.answer.headers).toMatchObject({
      "retry-after": "10",
      "content-type": expect.stringContaining("problem+json"),
    });
    expect(shown).toMatchObject({ most: 50, most_per_user: 50 });
    expect(shown.items).toHaveLength(50);
    expect(shown.items[0]).toMatchObject({
      account_id: ADMIN.accountId,
      task_id: row.id,
      history_id: row.serial,
      file_name: "film.mp4",
      bytes: FILE_BYTES,
      since: expect.any(String),
    });
    expect(going.every((bytes) => bytes > MiB)).toBe(true);
    got.forEach(leave);
    await vi.waitFor(() => expect(opened.closed).toBe(opened.count), 20_000);
    await vi.waitFor(async () => {
      expect((await api.call(OVERSEER, "GET", TRANSFERS)).body.items).toEqual([]);
    }, 20_000);
    const metrics = await api.services.metrics.metrics();
    expect(metrics).toContain("longhaul_transfers_open 0");
    expect(metrics).toContain('longhaul_transfers_refused_total{limit="all"} 10');
    expect((await fetch()).status).toBe(200);
    expect((await api.call(STRANGER, "GET", TRANSFERS)).status).toBe(403);
  });

  test("one user has so many places, which are in nobody else's way", async () => {
    const { other, fetch } = await openScene({ DOWNLOAD_TRANSFERS_PER_USER: "1" });
    const stranger: Actor = { ...ADMIN, accountId: STRANGER.accountId };

    const first = await fetch();
    const second = await fetch();
    const theirs = await fetch(stranger, other.serial);
    leave(first);

    expect([first, second, theirs].map(({ status }) => status)).toEqual([200, 503, 200]);
    expect(second.answer.headers["retry-after"]).toBe("10");
    await vi.waitFor(async () => expect((await fetch()).status).toBe(200), 20_000);
  });

  test.each([
    { to: "one user", limit: "DOWNLOAD_BANDWIDTH_PER_USER", sharing: 1 },
    { to: "all together", limit: "DOWNLOAD_BANDWIDTH", sharing: 2 },
  ])("files go no faster than they may to $to", async ({ limit, sharing }) => {
    const rate = 2 * MiB;
    // Nobody else sends what has to be slowed down.
    const variables = { [limit]: `${rate}`, DELIVERY: "accel" };
    const { api, fetch, other } = await openScene(variables);
    const stranger: Actor = { ...ADMIN, accountId: STRANGER.accountId };
    const began = performance.now();
    const measure = async ({ answer }: { answer: IncomingMessage }) => {
      let bytes = 0;
      for await (const piece of answer) {
        if ((bytes += (piece as Buffer).length) >= (2 * rate) / sharing) break;
      }
      return (1000 * bytes) / (performance.now() - began);
    };

    const two = await Promise.all([fetch(), fetch(stranger, other.serial)]);
    const perSecond = await Promise.all(two.map(measure));

    // The slower of the two has had no less than its share of the time; a machine that is busy is slower yet.
    const reached = sharing === 1 ? Math.max(...perSecond) : sharing * Math.min(...perSecond);
    expect(reached).toBeLessThan(1.15 * rate);
    expect(two.every(({ answer }) => answer.headers["x-accel-redirect"] === undefined)).toBe(true);
    expect(await api.services.metrics.metrics()).toContain("longhaul_transfer_bytes_total");
  });
});
