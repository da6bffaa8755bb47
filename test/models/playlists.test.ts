import { Op } from "sequelize";
import { expect, test } from "vitest";
import {
  beginListed,
  countBy,
  countChildren,
  Download,
  endHeldBack,
  keepList,
  listHistory,
  orderedSince,
  retryDownload,
  usedToday,
} from "../../models/downloads/index.ts";
import { AuditEntry, OutboxEntry } from "../../models/operations.ts";
import { ADMIN } from "../support/actors.ts";
import { describeDatabases } from "../support/database.ts";
import { makeDownload } from "../support/downloads.ts";
import { planFaults, watchSelects } from "../support/plans.ts";

const { accountId } = ADMIN;
const origin = { actor: ADMIN };
const media = (count: number) =>
  Array.from({ length: count }, (_, at) => ({
    url: `https://media.example/${at + 1}.mp4`,
    title: `${at + 1}`,
  }));
const list = (count: number, isTruncated = false) => ({
  title: "A list",
  media: media(count),
  isTruncated,
});
const workingList = () => makeDownload({ state: "working", kind: "playlist", mode: "archive" });
const childrenOf = ({ id }: Download) =>
  Download.findAll({ where: { parentId: id }, order: ["position"] });

describeDatabases(({ open }) => {
  test("what is on a list is written down once, whoever reads it how often, and begun once", async () => {
    const database = await open();
    const parent = await workingList();

    await Promise.all([3, 4].map((count) => keepList(database, parent, list(count, true))));
    const written = await childrenOf(parent);
    await Promise.all([1, 2].map(() => beginListed(database, parent.id, 10)));

    expect([3, 4]).toContain(written.length);
    expect(written.map(({ position }) => position)).toEqual(written.map((_, at) => at + 1));
    expect(new Set(written.map(({ serial }) => serial)).size).toBe(written.length);
    expect(written[0]).toMatchObject({ mode: "archive", state: "queued", isHeldBack: true });
    expect(await parent.reload()).toMatchObject({ title: "A list", isTruncated: true });
    expect(await OutboxEntry.count({ where: { workflow: "download" } })).toBe(written.length);
    expect(await usedToday(accountId)).toBe(written.length);
    expect(await AuditEntry.count({ where: { action: "downloads.listed" } })).toBe(1);
  });

  test("a list that was cancelled meanwhile gets no media", async () => {
    const database = await open();
    const parent = await makeDownload({ state: "failed", kind: "playlist" });

    await keepList(database, parent, list(2));

    expect(await childrenOf(parent)).toEqual([]);
  });

  test("what is beyond the quota has failed, counts when it is tried again, and not twice", async () => {
    const database = await open();
    const parent = await workingList();
    const refused = { url: "http://10.0.0.1/x", title: null, refused: "Not public." };
    await keepList(database, parent, { ...list(2), media: [...media(2), refused] });

    await beginListed(database, parent.id, 1);

    const [first, second, third] = await childrenOf(parent);
    expect(first).toMatchObject({ state: "queued", isHeldBack: false });
    expect(second).toMatchObject({ state: "failed", errorCode: "downloads/quota-exceeded" });
    expect(third).toMatchObject({ state: "failed", errorCode: "downloads/address-refused" });
    await expect(retryDownload(database, second!, 1, origin)).rejects.toMatchObject({
      type: "downloads/quota-exceeded",
    });
    await retryDownload(database, second!, 2, origin);
    expect(await usedToday(accountId)).toBe(2);
    expect(await second!.reload()).toMatchObject({ state: "queued", isHeldBack: false });
    expect((await countChildren([parent.id])).get(parent.id)).toEqual({
      total: 3,
      done: 0,
      failed: 1,
    });
  });

  test("a list that is tried again holds back what has failed on it; one of which one is, follows it", async () => {
    const database = await open();
    const parent = await workingList();
    await keepList(database, parent, list(2));
    await endHeldBack(database, parent.id);
    await Download.update({ state: "failed" }, { where: { id: parent.id } });

    await retryDownload(database, parent, 10, origin);
    expect(await childrenOf(parent)).toMatchObject([
      { state: "queued", isHeldBack: true, errorCode: null },
      { state: "queued", isHeldBack: true },
    ]);
    expect(await endHeldBack(database, parent.id)).toEqual([]);
    await Download.update({ state: "failed" }, { where: { id: parent.id } });
    const [child] = await childrenOf(parent);
    await retryDownload(database, child!, 10, origin);

    expect(await parent.reload()).toMatchObject({ state: "queued" });
    const told = await OutboxEntry.findAll({ where: { workflow: "playlist" } });
    expect(told.map(({ command }) => command!.update)).toEqual(["beginAgain", "beginAgain"]);
  });

  test("the history has lists and what was ordered alone, and what is on a list beside it, all by an index", async () => {
    const database = await open();
    const parent = await workingList();
    await makeDownload({ state: "kept", bytes: 5 });
    await keepList(database, parent, list(3));
    const page = { accountId, sortBy: "created_at", order: "DESC", offset: 0, limit: 2 } as const;

    const statements = await watchSelects(database, async () => {
      expect((await listHistory({ ...page, parentId: null })).total).toBe(2);
      const listed = await listHistory({ ...page, parentId: parent.id });
      expect([listed.total, listed.items[0]!.position]).toEqual([3, 3]);
      await countChildren([parent.id]);
    });

    for (const statement of statements) {
      expect(await planFaults(database, statement), statement).toEqual([]);
    }
    const states = await countBy("state", accountId);
    expect(states.reduce((sum, { count }) => sum + count, 0)).toBe(4);
    expect(await orderedSince(accountId, new Date(0))).toHaveLength(4);
    expect(await Download.count({ where: { parentId: { [Op.ne]: null } } })).toBe(3);
  });
});
