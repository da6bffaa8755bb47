import { describe, expect, test } from "vitest";
import { inTransaction } from "../../models/database.ts";
import { recordAudit } from "../../models/operations.ts";
import { newId } from "../../platform/crypto.ts";
import { ADMIN, startApi, type StartedApi, STRANGER } from "../support/api.ts";

async function note(api: StartedApi, action: string, subjectId: string, accountId = newId()) {
  await inTransaction(api.services.database, (transaction) =>
    recordAudit(
      {
        actor: { accountId, name: "ann" },
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
