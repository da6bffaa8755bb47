import { expect, test } from "vitest";
import {
  type Download,
  endMedia,
  forgetMedia,
  joinMedia,
  leaveMedia,
  SharedMedia,
  waitersOf,
  wishHash,
} from "../../models/downloads/index.ts";
import { describeDatabases } from "../support/database.ts";
import { makeDownload } from "../support/downloads.ts";

const STORED = { objectKey: "k", fileName: "f.mp4", bytes: 7, md5: "m", sha256: "s" };
const working = (given: Partial<Download> = {}) => makeDownload({ state: "working", ...given });

describeDatabases(({ open }) => {
  test("of any number who want the same at once one has it fetched, and the last to leave leaves nothing", async () => {
    const database = await open();
    const rows = await Promise.all([1, 2, 3, 4, 5].map(() => working()));
    const hash = wishHash(rows[0]!);

    const joined = await Promise.all(rows.map(({ id }) => joinMedia(database, id, hash)));
    await joinMedia(database, rows[0]!.id, hash);

    const { id: mediaId } = joined[0]!;
    expect(new Set(joined.map(({ id }) => id)).size).toBe(1);
    expect(await SharedMedia.findAll()).toMatchObject([{ wantedBy: 5, state: "fetching" }]);
    expect(await waitersOf({ mediaId })).toHaveLength(5);
    expect(await endMedia(database, mediaId, { media: STORED })).toBe(true);
    const left = await Promise.all(rows.map(({ id }) => leaveMedia(database, id)));
    expect(left.filter(Boolean)).toMatchObject([{ id: mediaId, wantedBy: 0 }]);
    // Who leaves twice is not counted twice.
    expect(await leaveMedia(database, rows[0]!.id)).toMatchObject({ wantedBy: 0 });
    await forgetMedia(database, mediaId);
    expect(await SharedMedia.count()).toBe(0);
  });

  test("nobody joins what everybody has left, what failed, or what was fetched too long ago", async () => {
    const database = await open();
    const [one, other, third, fourth] = await Promise.all([1, 2, 3, 4].map(() => working()));
    const hash = wishHash(one!);

    const abandoned = await joinMedia(database, one!.id, hash);
    await leaveMedia(database, one!.id);
    const failed = await joinMedia(database, other!.id, hash);
    const failure = { code: "downloads/source-gone", kind: "terminal", message: "Gone." } as const;
    await endMedia(database, failed.id, { failure });
    const old = await joinMedia(database, third!.id, hash);
    await endMedia(database, old.id, { media: STORED });
    const long = new Date(Date.now() - 3_601_000);
    await SharedMedia.update({ endedAt: long }, { where: { id: old.id } });
    const fresh = await joinMedia(database, fourth!.id, hash);

    expect(new Set([abandoned.id, failed.id, old.id, fresh.id]).size).toBe(4);
    expect(await endMedia(database, abandoned.id, { media: STORED })).toBe(false);
    expect(await joinMedia(database, other!.id, hash)).toMatchObject({ state: "failed", failure });
  });

  test("who joins late sees what was seen before, and who is over joins nothing", async () => {
    const database = await open();
    const first = await working({
      title: "A clip",
      waitingFor: "retry",
      nextTryAt: new Date(9e12),
    });
    const late = await working({ url: `${first.url}?utm_source=mail` });
    const over = await working({ state: "failed" });
    const hash = wishHash(first);

    const { id } = await joinMedia(database, first.id, hash);
    await joinMedia(database, late.id, wishHash(late));
    const refused = joinMedia(database, over.id, hash);

    await expect(refused).rejects.toThrow("over");
    expect(id).toBe(first.id);
    expect(await late.reload()).toMatchObject({
      mediaId: first.id,
      title: "A clip",
      waitingFor: "retry",
    });
    expect(await SharedMedia.findAll()).toMatchObject([{ wantedBy: 2 }]);
  });
});
