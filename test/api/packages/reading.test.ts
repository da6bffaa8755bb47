import { randomUUID } from "node:crypto";
import { describe, expect, test, vi } from "vitest";
import { type Actor } from "../../../domain/accounts.ts";
import { inTransaction } from "../../../models/database.ts";
import { appendLog, moveRun } from "../../../models/packages/index.ts";
import { STRANGER, ADMIN, startApi } from "../../support/api.ts";
import {
  digestOf,
  publishByHand,
  uploadForm,
  uploadPackage,
  zipOf,
} from "../../support/packages.ts";

const PATH = "/api/v1/packages";

const ZIP = { "README.txt": "a small package" };

describe("GET /api/v1/packages", () => {
  test("lists newest first, page by page", async () => {
    const api = await startApi();
    for (const name of ["a", "b", "c"]) await uploadPackage(api, { name });

    const first = await api.call(ADMIN, "GET", `${PATH}?limit=2`);
    const second = await api.call(ADMIN, "GET", `${PATH}?limit=2&after=${first.body.next}`);

    const names = (answer: typeof first) =>
      answer.body.items.map(({ name }: { name: string }) => name);
    expect([names(first), names(second)]).toEqual([["c", "b"], ["a"]]);
    expect(second.body.next).toBeNull();
  });
});

describe("a list of packages", () => {
  test("asks the database as often for many as for one", async () => {
    const api = await startApi();
    const statements = vi.spyOn(api.services.database.sequelize, "query");
    const publish = async (name: string) => {
      const { body } = await uploadPackage(api, { name });
      await publishByHand(api, body.id, "1.0.0");
    };
    const count = async () => {
      statements.mockClear();
      const { body } = await api.call(ADMIN, "GET", PATH);
      return { packages: body.items.length, statements: statements.mock.calls.length };
    };

    await publish("a");
    const one = await count();
    for (const name of ["b", "c", "d"]) await publish(name);
    const many = await count();

    expect([one.packages, many.packages]).toEqual([1, 4]);
    expect(many.statements).toBe(one.statements);
  });

  test("may be empty", async () => {
    const api = await startApi();

    expect((await api.call(ADMIN, "GET", PATH)).body).toEqual({ items: [], next: null });
  });
});

describe("GET /api/v1/packages/:id", () => {
  test("shows the live version, whatever runs beside it", async () => {
    const api = await startApi();
    const { body, bytes } = await uploadPackage(api);
    await publishByHand(api, body.id, "1.0.0");
    const form = uploadForm({ version: "2.0.0" }, { bytes: await zipOf(ZIP) });
    await api.call(ADMIN, "POST", `${PATH}/${body.id}/versions`, { form });

    const answer = await api.call(ADMIN, "GET", `${PATH}/${body.id}`);

    expect(answer.body).toMatchObject({
      status: "processed_success",
      current_version: "1.0.0",
      live_version: "1.0.0",
      sha256: digestOf(bytes),
      file_size: bytes.length,
      is_distributing: true,
      download_url: `${api.services.env.publicUrl}/dist/${body.id}/release.zip`,
      latest_run: { version: "2.0.0", status: "queued" },
    });
  });

  test("says of an id that is none that it is invalid", async () => {
    const api = await startApi();

    expect(await api.call(ADMIN, "GET", `${PATH}/x`)).toMatchObject({
      status: 422,
      body: { code: "request/invalid", issues: [{ path: "id" }] },
    });
  });
});

describe("GET /api/v1/packages/:id/versions", () => {
  test("lists versions with the address of each that is ready", async () => {
    const api = await startApi();
    const { body, bytes } = await uploadPackage(api, { fileName: "a b/应用 1.zip" });
    await publishByHand(api, body.id, "1.0.0");

    const { body: list } = await api.call(ADMIN, "GET", `${PATH}/${body.id}/versions`);

    expect(list.items).toMatchObject([
      {
        version: "1.0.0",
        status: "ready",
        live: true,
        file_name: "应用 1.zip",
        sha256: digestOf(bytes),
        original_sha256: digestOf(bytes),
      },
    ]);
    const { pathname } = new URL(list.items[0].download_url);
    expect(await fetch(new URL(pathname, api.address))).toMatchObject({ status: 200 });
  });
});

describe("GET /api/v1/packages/:id/runs", () => {
  test("lists every upload and rollback, newest first", async () => {
    const api = await startApi();
    const { body } = await uploadPackage(api);
    await publishByHand(api, body.id, "1.0.0");
    await api.call(ADMIN, "POST", `${PATH}/${body.id}/rollback`, { json: { version: "1.0.0" } });

    const { body: list } = await api.call(ADMIN, "GET", `${PATH}/${body.id}/runs`);

    expect(list.items).toMatchObject([
      { kind: "rollback", status: "queued", version: "1.0.0", requested_by: "admin" },
      { kind: "upload", status: "succeeded", version: "1.0.0" },
    ]);
  });
});

describe("GET /api/v1/packages/:id/runs/:run", () => {
  test("shows steps, and the way to Temporal's Web UI to administrators alone", async () => {
    const api = await startApi();
    const { body, headers } = await uploadPackage(api);
    const reader: Actor = { ...STRANGER, permissions: ["packages:read"] };

    const shown = await api.call(ADMIN, "GET", headers.get("location")!);
    const plain = await api.call(reader, "GET", headers.get("location")!);
    const missing = await api.call(ADMIN, "GET", `${PATH}/${body.id}/runs/${randomUUID()}`);

    expect(shown.body).toMatchObject({ id: body.run.id, status: "queued", steps: [] });
    expect(shown.body.temporal_url).toContain(body.run.id);
    expect(plain.body.temporal_url).toBeNull();
    expect(missing).toMatchObject({ status: 404, body: { code: "packages/run-not-found" } });
  });
});

describe("GET /api/v1/packages/:id/runs/:run/log", () => {
  test("goes on from a byte, follows while the run runs, and ends with it", async () => {
    const api = await startApi();
    const { body, headers } = await uploadPackage(api);
    const run = body.run.id as string;
    const { database } = api.services;
    await inTransaction(database, async (transaction) => {
      await moveRun(run, "running", {}, transaction);
      await appendLog(run, "first 行\n", transaction);
      await appendLog(run, "second\n", transaction);
    });
    const log = `${headers.get("location")}/log`;

    const now = await api.call(ADMIN, "GET", log);
    const rest = await api.call(
      ADMIN,
      "GET",
      `${log}?after=${Buffer.byteLength("first 行\n") + 3}`,
    );
    const following = api.call(ADMIN, "GET", `${log}?follow=true`);
    await inTransaction(database, async (transaction) => {
      await appendLog(run, "third\n", transaction);
      await moveRun(run, "succeeded", { endedAt: new Date() }, transaction);
    });

    expect(now.body).toBe("first 行\nsecond\n");
    expect(now.headers.get("content-type")).toMatch(/^text\/plain/);
    expect(rest.body).toBe("ond\n");
    expect((await following).body).toBe("first 行\nsecond\nthird\n");
  });
});
