import { expect, test } from "vitest";
import {
  beginBulk,
  beginImport,
  CardImport,
  failImport,
  orderBulk,
  orderImport,
  stepBulk,
  stepImport,
  undoBulk,
} from "../../models/cards/index.ts";
import type { Database } from "../../models/database.ts";
import {
  beginAttempt,
  deleteDownload,
  endAttempt,
  moveDownload,
  noteWait,
  orderDownload,
  retryDownload,
} from "../../models/downloads/index.ts";
import { recordProgress, stateOf } from "../../models/feeds/index.ts";
import { stageObject } from "../../models/operations.ts";
import { newId } from "../../platform/crypto.ts";
import { ADMIN } from "../support/actors.ts";
import { makeCard } from "../support/cards.ts";
import { describeDatabases } from "../support/database.ts";
import { readFeed } from "../support/feeds.ts";

const ORIGIN = { actor: ADMIN, address: "127.0.0.1", requestId: "r" };
const { accountId } = ADMIN;

/** What the feed tells since a number, as short as it can be said. */
async function told(database: Database): Promise<unknown[][]> {
  const rows = await readFeed(database, accountId);
  return rows.map(({ event, body }) => {
    const { status, message, error_code, progress } = JSON.parse(body) as Record<string, unknown>;
    const said = [status, message, error_code, progress].filter((one) => one !== undefined);
    return [event.replace("task:", ""), ...said];
  });
}

const order = (mode: "quick_download" | "archive") => ({
  id: newId(),
  accountId,
  url: "https://media.example/film.mp4",
  platform: "generic",
  mode,
  quality: "best",
  format: "mp4",
  formatId: null,
});
const FAILURE = { code: "downloads/source-away", kind: "retryable", message: "Gone." } as const;

describeDatabases(({ open }) => {
  test("whoever orders a download is told of its whole way, and of nothing after its end", async () => {
    const database = await open();
    const { id } = await orderDownload(database, order("quick_download"), undefined, ORIGIN);
    const number = { downloadId: id, number: 1 };

    await moveDownload(database, id, { from: ["queued"], to: "working" });
    await beginAttempt(database, number, "2026.10.26");
    await beginAttempt(database, number, "2026.10.26");
    await endAttempt(database, number, FAILURE);
    await noteWait(database, id, "retry", new Date("2026-11-22T00:00:00Z"));
    await noteWait(database, id, null, null);
    const ready = { from: ["working"], to: "ready" } as const;
    const file = { fileName: "film.mp4", bytes: 5, expireAt: new Date("2026-11-23T00:00:00Z") };
    const startedAt = new Date();
    const took = { startedAt, completedAt: new Date(startedAt.getTime() + 2500) };
    await moveDownload(database, id, ready, { ...file, ...took });
    await moveDownload(database, id, ready, file);
    await moveDownload(database, id, { from: ["ready"], to: "kept" }, { expireAt: null });

    expect(await told(database)).toEqual([
      ["status", "queued"],
      ["status", "running"],
      ["log", "Try 1 begins, with yt-dlp 2026.10.26."],
      ["log", "Try 1 goes on, with yt-dlp 2026.10.26."],
      ["log", "Try 1 failed: Gone."],
      ["status", "waiting"],
      ["status", "running"],
      ["completed", "completed"],
    ]);
    const rows = await readFeed(database, accountId);
    expect(JSON.parse(rows.at(5)!.body)).toMatchObject({
      waiting_for: "retry",
      next_try_at: "2026-11-22T00:00:00.000Z",
    });
    expect(JSON.parse(rows.at(-1)!.body)).toMatchObject({
      kind: "download",
      result_files: [expect.stringMatching(/^\/api\/v1\/download\/file\?history_id=\d+$/)],
      render_time: 2.5,
      cost: 0,
      file_name: "film.mp4",
      file_size: 5,
      expire_at: "2026-11-23T00:00:00.000Z",
    });
  });

  test("what is tried anew after it failed begins at nothing, and what is deleted on its way is over", async () => {
    const database = await open();
    const row = await orderDownload(database, order("archive"), undefined, ORIGIN);
    const task = { taskId: row.id, accountId, kind: "download" } as const;
    await recordProgress(database, [{ ...task, phase: "downloading", percent: 80 }]);
    const failed = { errorCode: FAILURE.code, error: FAILURE.message };
    await moveDownload(database, row.id, { from: ["queued"], to: "failed" }, failed);

    await retryDownload(database, row, undefined, ORIGIN);
    const anew = await stateOf(database, accountId);
    await recordProgress(database, [{ ...task, phase: "downloading", percent: 10 }]);
    const later = await stateOf(database, accountId);
    await deleteDownload(database, row, ORIGIN);
    const move = { from: ["queued"], to: "failed" } as const;
    await moveDownload(database, row.id, move, { errorCode: "downloads/cancelled" });

    expect(anew.frames.map(({ event }) => event)).toEqual(["task:status"]);
    expect(JSON.parse(later.frames.at(-1)!.body)).toMatchObject({ progress: 10 });
    expect((await told(database)).slice(0, 4)).toEqual([
      ["status", "queued"],
      ["failed", "failed", FAILURE.code],
      ["status", "queued"],
      ["progress", 10],
    ]);
    expect((await told(database)).slice(4)).toEqual([
      ["failed", "cancelled", "downloads/cancelled"],
    ]);
  });

  test("what is ordered of many cards is told on its way, and so is its undoing", async () => {
    const database = await open();
    await makeCard(database);
    const what = { order: { verb: "ban" }, filters: { sort: "oldest" }, asked: {} } as const;
    const bulk = { id: newId(), ...what, reason: null, accountId };
    await orderBulk(database, bulk, ORIGIN);
    const carry = async () => {
      await beginBulk(database, bulk.id);
      while (await stepBulk(database, bulk.id));
    };
    await carry();
    await undoBulk(database, bulk.id, 600, ORIGIN);
    await carry();

    expect(await told(database)).toEqual([
      ["status", "queued"],
      ["status", "running"],
      ["completed", "completed"],
      ["status", "running", "What was changed is undone."],
      ["completed", "completed"],
    ]);
    const { frames } = await stateOf(database, accountId);
    expect(JSON.parse(frames[0]!.body)).toMatchObject({
      kind: "card-bulk",
      verb: "ban",
      changed: 1,
      undone: 1,
      result_files: [`/api/v1/cards/bulk/${bulk.id}/results`],
    });
  });

  test("an import is told on its way, once for each change", async () => {
    const database = await open();
    const send = async () => {
      const objectKey = `cards/imports/${newId()}`;
      await stageObject(database, objectKey);
      const terms = { prefix: null, policyId: null, productId: null, note: null };
      const read = { objectKey, bytes: 10, lines: 1, digest: "d".repeat(64), dryRun: true };
      const more = { usualSeconds: 60, accountId };
      return orderImport(database, { id: newId(), ...read, ...terms, ...more }, ORIGIN);
    };
    const well = await send();
    await beginImport(database, well.id);
    await beginImport(database, well.id);
    await stepImport(
      database,
      well.id,
      [{ line: 1, fault: "It is empty.", isTwin: false }],
      [0, 10],
    );
    const badly = await send();
    await failImport(database, badly.id, "It broke.");
    await failImport(database, badly.id, "Again.");

    expect(await CardImport.count({ where: { state: "completed" } })).toBe(1);
    expect(await told(database)).toEqual([
      ["status", "queued"],
      ["status", "running"],
      ["completed", "completed"],
      ["status", "queued"],
      ["failed", "failed", "cards/import-failed"],
    ]);
  });
});
