import { describe, expect, test } from "vitest";
import { inTransaction } from "../../models/database.ts";
import { AuditEntry, recordAudit, verifyAudit } from "../../models/operations.ts";
import { newId } from "../../platform/crypto.ts";
import { ADMIN, startApi, type StartedApi, STRANGER } from "../support/api.ts";

async function note(
  api: StartedApi,
  action: string,
  subjectId: string,
  accountId = newId(),
  name = "ann",
) {
  await inTransaction(api.services.database, (transaction) =>
    recordAudit(
      {
        actor: { accountId, name },
        action,
        subjectKind: "test",
        subjectId,
        address: "192.0.2.1",
        requestId: "r-1",
        before: { name: "é" },
      },
      transaction,
    ),
  );
}

describe("GET /api/v1/audit", () => {
  test("tells an administrator who did what to what, newest first, page by page", async () => {
    const api = await startApi();
    const accountId = newId();
    for (const subject of ["1", "2", "3"]) await note(api, "test.made", subject, accountId);

    const first = (await api.call(ADMIN, "GET", "/api/v1/audit?limit=2")).body;
    const second = (await api.call(ADMIN, "GET", `/api/v1/audit?limit=2&after=${first.next}`)).body;

    expect(first.items[0]).toMatchObject({
      actor: { id: accountId, name: "ann" },
      action: "test.made",
      subject: { kind: "test", id: "3" },
      address: "192.0.2.1",
      request_id: "r-1",
      before: { name: "é" },
      after: null,
    });
    const subjects = [...first.items, ...second.items].map(({ subject }) => subject.id as string);
    expect(subjects).toEqual(["3", "2", "1"]);
    expect(second.next).toBeNull();
  });

  test("can be narrowed to an action, a subject and an actor", async () => {
    const api = await startApi();
    const accountId = newId();
    await note(api, "test.made", "1", accountId);
    await note(api, "test.made", "2");
    await note(api, "test.removed", "1");
    const count = async (query: string) =>
      (await api.call(ADMIN, "GET", `/api/v1/audit?${query}`)).body.items.length as number;

    expect(await count("action=test.made")).toBe(2);
    expect(await count("subject=1")).toBe(2);
    expect(await count(`actor=${accountId}`)).toBe(1);
    expect(await count("action=test.made&subject=1")).toBe(1);
    expect(await count("action=test.unknown")).toBe(0);
  });

  test("can be narrowed to a time, the end not included, and to a kind of subject", async () => {
    const api = await startApi();
    for (const subject of ["1", "2", "3"]) await note(api, "test.made", subject);
    const moments = await AuditEntry.findAll({ order: [["sequence", "ASC"]] });
    for (const [index, entry] of moments.entries()) {
      const createdAt = new Date(Date.UTC(2026, 0, 1 + index));
      await AuditEntry.update({ createdAt }, { where: { id: entry.id } });
    }
    const subjects = async (query: string) => {
      const { body } = await api.call(ADMIN, "GET", `/api/v1/audit?${query}`);
      return body.items.map(({ subject }: { subject: { id: string } }) => subject.id) as string[];
    };

    expect(await subjects("from=2026-01-02T00:00:00Z")).toEqual(["3", "2"]);
    expect(await subjects("to=2026-01-02T08:00:00%2B08:00")).toEqual(["1"]);
    expect(await subjects("from=2026-01-02T00:00:00Z&to=2026-01-03T00:00:00Z")).toEqual(["2"]);
    expect(await subjects("subject_kind=test")).toHaveLength(3);
    expect(await subjects("subject_kind=package")).toEqual([]);
    expect((await api.call(ADMIN, "GET", "/api/v1/audit?from=yesterday")).status).toBe(422);
  });

  test("shows each entry's place in the chain, and its hash", async () => {
    const api = await startApi();
    await note(api, "test.made", "1");
    await note(api, "test.made", "2");

    const { items } = (await api.call(ADMIN, "GET", "/api/v1/audit")).body;

    const verdict = await verifyAudit(api.services.database);
    expect(items[1].sequence).toBe(1);
    expect(verdict).toEqual({
      whole: true,
      head: { sequence: items[0].sequence, hash: items[0].hash },
    });
  });

  test("gives everything that matches as one JSON file", async () => {
    const api = await startApi();
    for (let n = 1; n <= 3; n++) await note(api, "test.made", `${n}`);
    await note(api, "test.removed", "1");

    const listed = await api.call(ADMIN, "GET", "/api/v1/audit?action=test.made");
    const file = await api.call(ADMIN, "GET", "/api/v1/audit?action=test.made&format=json&limit=1");
    const none = await api.call(ADMIN, "GET", "/api/v1/audit?action=no&format=json");

    expect(file.headers.get("Content-Type")).toBe("application/json; charset=utf-8");
    expect(file.headers.get("Content-Disposition")).toBe('attachment; filename="audit.json"');
    expect(file.body).toEqual(listed.body);
    expect(none.body).toEqual({ items: [], next: null });
  });

  test("who may read it alone gets no file of it", async () => {
    const api = await startApi();
    const reader = { ...ADMIN, permissions: ["audit:read"] as const };

    expect((await api.call(reader, "GET", "/api/v1/audit")).status).toBe(200);
    expect(await api.call(reader, "GET", "/api/v1/audit?format=csv")).toMatchObject({
      status: 403,
      body: { code: "accounts/not-allowed" },
    });
  });

  test("gives everything that matches as a table", async () => {
    const api = await startApi();
    await note(api, "test.made", "1", "00000000-0000-7000-8000-000000000001");

    const { headers, body } = await api.call(ADMIN, "GET", "/api/v1/audit?format=csv");

    expect(headers.get("Content-Type")).toBe("text/csv; header=present; charset=utf-8");
    expect(headers.get("Content-Disposition")).toBe('attachment; filename="audit.csv"');
    const [entry] = await AuditEntry.findAll();
    expect(body.split("\r\n")).toEqual([
      '"sequence","created_at","actor","actor_id","action","subject_kind","subject_id","address","request_id","before","after","id","hash"',
      `1,"${entry!.createdAt.toISOString()}","ann","00000000-0000-7000-8000-000000000001","test.made","test","1","192.0.2.1","r-1","{""name"":""é""}",,"${entry!.id}","${entry!.hash}"`,
      "",
    ]);
  });

  test.each(["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "＝1"])(
    "lets no spreadsheet take a name for a formula: %j",
    async (name) => {
      const api = await startApi();
      await note(api, "test.made", "1", newId(), name);

      const { body } = await api.call(ADMIN, "GET", "/api/v1/audit?format=csv");

      expect(body).toContain(`Z","'${name}",`);
    },
  );

  test("writes out more entries than are read at a time, each once", async () => {
    const api = await startApi();
    await inTransaction(api.services.database, async (transaction) => {
      const what = { actor: null, action: "test.made", subjectKind: "test" };
      for (let n = 1; n <= 1001; n++) {
        await recordAudit({ ...what, subjectId: `${n}` }, transaction);
      }
    });

    const { body } = await api.call(ADMIN, "GET", "/api/v1/audit?format=csv");
    const json = await api.call(ADMIN, "GET", "/api/v1/audit?format=json");

    const numbers = (body as string)
      .split("\r\n")
      .slice(1, -1)
      .map((line) => Number.parseInt(line));
    const sequences = json.body.items.map(({ sequence }: { sequence: number }) => sequence);
    expect(sequences.toSorted((a: number, b: number) => a - b)).toEqual(
      Array.from({ length: 1001 }, (_, n) => n + 1),
    );
    expect(numbers).toEqual(sequences);
  });

  test("is for administrators", async () => {
    const api = await startApi();

    expect(await api.call(STRANGER, "GET", "/api/v1/audit")).toMatchObject({
      status: 403,
      body: { code: "accounts/not-allowed" },
    });
    expect((await api.call(undefined, "GET", "/api/v1/audit")).status).toBe(401);
  });

  test("says which part of a bad question is wrong", async () => {
    const api = await startApi();

    const cursor = await api.call(ADMIN, "GET", "/api/v1/audit?after=nonsense");
    const limit = await api.call(ADMIN, "GET", "/api/v1/audit?limit=101&sort=name");

    expect(cursor).toMatchObject({
      status: 422,
      body: { code: "request/invalid", issues: [{ path: "after", in: "query" }] },
    });
    expect(limit.status).toBe(422);
    expect(limit.body.issues.map(({ path }: { path: string }) => path).sort()).toEqual([
      "limit",
      "sort",
    ]);
  });
});
