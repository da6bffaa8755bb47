import { randomUUID } from "node:crypto";
import { describe, expect, test, vi } from "vitest";
import { type Actor } from "../../../domain/accounts.ts";
import { inTransaction } from "../../../models/database.ts";
import { appendLog, moveRun } from "../../../models/packages/index.ts";
import { Account } from "../../../models/accounts.ts";
import {
  bearer,
  makeKey,
  makePerson,
  PASSWORD,
  signIn,
  signOut,
  startWithAdmin,
} from "../../support/accounts.ts";
import { ADMIN, NOBODY, startApi, type StartedApi, STRANGER } from "../../support/api.ts";
import {
  digestOf,
  publishByHand,
  uploadForm,
  uploadPackage,
  zipOf,
} from "../../support/packages.ts";

const PATH = "/api/v1/packages";

type Reader = Awaited<ReturnType<typeof startFollowing>>["reader"];

/** A run that goes on, and an operator who may read its log. */
async function startFollowing() {
  const api = await startWithAdmin();
  const { body, headers: found } = await uploadPackage(api);
  const run = body.run.id as string;
  await inTransaction(api.services.database, async (transaction) => {
    await moveRun(run, "running", {}, transaction);
    await appendLog(run, "first\n", transaction);
  });
  const { id } = await makePerson(api, "operator", "olga");
  const signedIn = (await signIn(api, PASSWORD, "olga")).body;
  const token = signedIn.access_token as string;
  const refresh = signedIn.refresh_token as string;
  const reader = { id, token, refresh, headers: bearer(token) };
  return { api, log: `${found.get("location")}/log`, reader };
}

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

  test.each<[string, (reader: Reader, api: StartedApi) => Promise<unknown>]>([
    ["signs out", ({ refresh }, api) => signOut(api, refresh)],
    ["is switched off", ({ id }) => Account.update({ isActive: false }, { where: { id } })],
    ["loses the right to it", ({ id }) => Account.update({ role: "user" }, { where: { id } })],
  ])("breaks off when its reader %s", async (_, end) => {
    const { api, log, reader } = await startFollowing();
    const answer = await fetch(`${api.address}${log}?follow=true`, { headers: reader.headers });
    const chunks = answer.body!.getReader();
    expect(Buffer.from((await chunks.read()).value).toString()).toBe("first\n");

    await end(reader, api);

    await expect(chunks.read()).rejects.toThrow("terminated");
    const late = await fetch(`${api.address}${log}`, { headers: reader.headers });
    expect([401, 403]).toContain(late.status);
  });

  test("breaks off when its reader's key is revoked, and for nobody else", async () => {
    const { api, log, reader } = await startFollowing();
    const made = await makeKey(api, reader.token, { scopes: ["packages:read"] });
    const follow = (headers: Record<string, string>) =>
      fetch(`${api.address}${log}?follow=true`, { headers });
    const [byKey, byToken] = await Promise.all([
      follow({ "X-API-Key": made.body.key as string }),
      follow(reader.headers),
    ]);
    const ended = vi.fn<() => void>();
    byToken.text().then(ended, ended);

    const path = `/api/v1/api-keys/${made.body.id}`;
    await api.call(NOBODY, "DELETE", path, { headers: reader.headers });

    await expect(byKey.text()).rejects.toThrow("terminated");
    expect(ended).not.toHaveBeenCalled();
  });
});
