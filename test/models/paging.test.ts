import { expect, test } from "vitest";
import { refusalIn } from "../../domain/errors.ts";
import { AuditEntry, Counter } from "../../models/operations.ts";
import { type Order, page } from "../../models/paging.ts";
import { newId } from "../../platform/crypto.ts";
import { describeDatabases } from "../support/database.ts";

async function makeEntries(createdAt: Date[], action = "test.made"): Promise<string[]> {
  const made = await AuditEntry.count();
  const rows = createdAt.map((moment, index) => ({
    id: newId(),
    sequence: made + index + 1,
    hash: "0".repeat(64),
    actorId: null,
    actorName: "test",
    action,
    subjectKind: "test",
    subjectId: "1",
    address: null,
    requestId: null,
    before: null,
    after: null,
    createdAt: moment,
  }));
  for (const row of rows) await AuditEntry.create(row);
  return rows.map(({ id }) => id);
}

async function walk(limit: number, more: Partial<Parameters<typeof page>[1]> = {}) {
  const pages: string[][] = [];
  let after: string | undefined;
  do {
    const { items, next } = await page(AuditEntry, { limit, after, ...more });
    pages.push(items.map(({ id }) => id));
    after = next ?? undefined;
  } while (after);
  return pages;
}

const at = (milliseconds: number) => new Date(Date.UTC(2026, 0, 1) + milliseconds);

describeDatabases(({ open }) => {
  test("the pages of a list together are the list, newest first, also where moments are equal", async () => {
    await open();
    const ids = await makeEntries([at(0), at(0), at(0), at(1), at(1), at(2), at(2)]);

    const pages = await walk(2);

    expect(pages.map((items) => items.length)).toEqual([2, 2, 2, 1]);
    expect(pages.flat()).toEqual(ids.toReversed());
  });

  test("a page that is just full is the last one when nothing follows", async () => {
    await open();
    await makeEntries([at(0), at(1)]);

    const { items, next } = await page(AuditEntry, { limit: 2 });

    expect(items).toHaveLength(2);
    expect(next).toBeNull();
  });

  test("rows that come while someone turns pages are not shown twice and hide none", async () => {
    await open();
    const ids = await makeEntries([at(0), at(1), at(2), at(3)]);
    const first = await page(AuditEntry, { limit: 2 });
    await makeEntries([at(9)]);

    const second = await page(AuditEntry, { limit: 2, after: first.next! });

    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(ids.toReversed());
  });

  test("a filter holds on every page", async () => {
    await open();
    const wanted = await makeEntries([at(0), at(2), at(4)], "test.wanted");
    await makeEntries([at(1), at(3)], "test.other");

    const pages = await walk(1, { where: { action: "test.wanted" } });

    expect(pages.flat()).toEqual(wanted.toReversed());
  });

  test("a list may be sorted by a number or a name, upwards too", async () => {
    await open();
    for (const [name, value] of [
      ["b", 1],
      ["a", 2],
      ["c", 2],
      ["é", 3],
    ] as const) {
      await Counter.create({ name, value });
    }
    const order: Order = [
      ["value", "DESC"],
      ["name", "ASC"],
    ];

    const first = await page(Counter, { order, limit: 2 });
    const second = await page(Counter, { order, limit: 2, after: first.next! });

    expect([...first.items, ...second.items].map(({ name }) => name)).toEqual(["é", "a", "c", "b"]);
    expect(second.next).toBeNull();
  });

  test("a cursor that is not ours is refused, and says where it stood", async () => {
    await open();
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const wrong = ["", "x", "%%%", encode({}), encode([]), encode(["2026-01-01"])].concat(
      encode(["never", "id"]),
      encode([{ toJSON: 1 }, "id"]),
      encode(["2026-01-01", 7]),
      encode([null, null]),
    );

    for (const after of wrong) {
      const refused = await page(AuditEntry, { after }).catch(refusalIn);

      expect(refused, after).toMatchObject({
        code: "request/invalid",
        extras: { issues: [{ path: "after", in: "query" }] },
      });
    }
  });
});
