import { describe, expect, test, vi } from "vitest";
import type { Actor } from "../../../domain/accounts.ts";
import { refusal } from "../../../domain/errors.ts";
import { Account } from "../../../models/accounts.ts";
import { DownloadTicket } from "../../../models/downloads/index.ts";
import type { Download } from "../../../models/downloads/index.ts";
import { sha256 } from "../../../platform/crypto.ts";
import { ADMIN, NOBODY, startApi, STRANGER } from "../../support/api.ts";
import { makeDownload } from "../../support/downloads.ts";

const FILE = "/api/v1/download/file";
const TICKET = "/api/v1/download/file-ticket";
const BYTES = "what was fetched";

/** A ready download with its file. */
async function openReady(given: Partial<Download> = {}) {
  const api = await startApi();
  const key = "accounts/a/downloads/quick/one";
  await api.services.objects.put(key, BYTES);
  const row = await makeDownload({
    state: "ready",
    objectKey: key,
    fileName: '片子 "one".mp4',
    bytes: BYTES.length,
    sha256: sha256(BYTES),
    expireAt: new Date(Date.now() + 60_000),
    ...given,
  });
  return { api, row };
}
const refused = { status: 403, body: { code: "downloads/file-refused" } };

describe("GET /api/v1/download/file", () => {
  test("gives the owner the file, its name, and ranges of it", async () => {
    const { api, row } = await openReady();
    const path = `${FILE}?history_id=${row.serial}`;

    const whole = await api.call(ADMIN, "GET", path);
    const part = await api.call(ADMIN, "GET", path, { headers: { Range: "bytes=5-7" } });
    const known = await api.call(ADMIN, "GET", path, {
      headers: { "If-None-Match": whole.headers.get("ETag")! },
    });

    expect([whole.status, whole.body]).toEqual([200, BYTES]);
    expect(whole.headers.get("Content-Type")).toBe("application/octet-stream");
    expect(whole.headers.get("Content-Length")).toBe(`${BYTES.length}`);
    expect(whole.headers.get("Content-Disposition")).toContain(
      "filename*=UTF-8''%E7%89%87%E5%AD%90",
    );
    expect(whole.headers.get("Cache-Control")).toBe("private, no-store");
    expect([part.status, part.body]).toEqual([206, BYTES.slice(5, 8)]);
    expect(known.status).toBe(304);
  });

  test("is refused in one way to everybody else, and for what is not there", async () => {
    const { api, row } = await openReady();
    const someone: Actor = { ...ADMIN, accountId: STRANGER.accountId };
    const others = await Promise.all([
      makeDownload({ state: "working" }),
      makeDownload({ state: "expired" }),
      makeDownload({
        state: "ready",
        objectKey: "accounts/a/downloads/quick/none",
        sha256: sha256(""),
      }),
      makeDownload({ ...row.get(), id: crypto.randomUUID(), serial: 7, deletedAt: new Date() }),
      makeDownload({
        ...row.get(),
        id: crypto.randomUUID(),
        serial: 8,
        expireAt: new Date(Date.now() - 1),
      }),
    ]);

    expect(await api.call(someone, "GET", `${FILE}?history_id=${row.serial}`)).toMatchObject(
      refused,
    );
    for (const { serial } of [...others, { serial: 424_242 }]) {
      expect(await api.call(ADMIN, "GET", `${FILE}?history_id=${serial}`)).toMatchObject(refused);
    }
    expect((await api.call(NOBODY, "GET", `${FILE}?history_id=${row.serial}`)).status).toBe(401);
    expect((await api.call(ADMIN, "GET", FILE)).body).toMatchObject({
      status: 400,
      detail: "history_id is required",
    });
    expect((await api.call(ADMIN, "GET", `${FILE}?history_id=1x`)).status).toBe(400);
  });
});

describe("POST /api/v1/download/file-ticket", () => {
  test("is for a file that one may fetch; only its hash is kept", async () => {
    const { api, row } = await openReady();
    const working = await makeDownload({ state: "working" });

    const { status, body } = await api.call(ADMIN, "POST", TICKET, {
      json: { history_id: row.serial },
    });

    expect(status).toBe(200);
    expect(body).toEqual({ ticket: expect.stringMatching(/^lh_ticket_/), expires_in: 90 });
    expect(await DownloadTicket.findAll()).toMatchObject([{ hash: sha256(body.ticket) }]);
    expect(
      await api.call(ADMIN, "POST", TICKET, { json: { history_id: working.serial } }),
    ).toMatchObject(refused);
  });
});

describe("GET /api/v1/download/file/browser", () => {
  const browse = (ticket: string) => `${FILE}/browser?ticket=${ticket}`;

  test("gives a file for a ticket once, of any number that come at once", async () => {
    const { api, row } = await openReady();
    await Account.create({
      id: ADMIN.accountId,
      username: "owner",
      passwordHash: "h",
      role: "admin",
    });
    const { body } = await api.call(ADMIN, "POST", TICKET, { json: { history_id: row.serial } });

    expect((await api.call(NOBODY, "HEAD", browse(body.ticket))).status).toBe(200);
    const answers = await Promise.all(
      [1, 2, 3].map(() => api.call(NOBODY, "GET", browse(body.ticket))),
    );

    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 403, 403]);
    expect(answers.find(({ status }) => status === 200)!.body).toBe(BYTES);
  });

  test("who found no place may come again with the same ticket, until its end", async () => {
    const { api, row } = await openReady();
    const { accountId: id } = ADMIN;
    await Account.create({ id, username: "owner", passwordHash: "h", role: "admin" });
    const { body } = await api.call(ADMIN, "POST", TICKET, { json: { history_id: row.serial } });
    const end = (await DownloadTicket.findOne())!.expiresAt;
    const full = refusal("downloads/too-many-transfers", "Try again in a moment.");
    vi.spyOn(api.services.transfers, "begin").mockRejectedValueOnce(full);

    expect((await api.call(NOBODY, "GET", browse(body.ticket))).status).toBe(503);
    expect((await DownloadTicket.findOne())!.expiresAt).toEqual(end);
    expect(await api.call(NOBODY, "GET", browse(body.ticket))).toMatchObject({
      status: 200,
      body: BYTES,
    });
    expect((await api.call(NOBODY, "GET", browse(body.ticket))).status).toBe(403);
  });

  test("is nothing for tickets that are too old, made up, or of somebody who was switched off", async () => {
    const { api, row } = await openReady();
    const invalid = { status: 403, body: { code: "downloads/ticket-invalid" } };
    const ticket = async () =>
      (await api.call(ADMIN, "POST", TICKET, { json: { history_id: row.serial } })).body.ticket;
    const late = await ticket();
    await DownloadTicket.update({ expiresAt: new Date(Date.now() - 1) }, { where: {} });

    expect(await api.call(NOBODY, "GET", browse(late))).toMatchObject(invalid);
    // Their account is not there any more.
    expect(await api.call(NOBODY, "GET", browse(await ticket()))).toMatchObject(invalid);
    expect(await api.call(NOBODY, "GET", browse("made-up"))).toMatchObject(invalid);
    expect((await api.call(NOBODY, "GET", `${FILE}/browser`)).status).toBe(400);
  });
});
