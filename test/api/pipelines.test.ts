import { describe, expect, test } from "vitest";
import { PERMISSIONS } from "../../domain/accounts.ts";
import { AuditEntry, reportWorker } from "../../models/operations.ts";
import { PackageRun } from "../../models/packages/index.ts";
import { ADMIN, startApi, STRANGER } from "../support/api.ts";
import { uploadForm, uploadPackage, zipOf } from "../support/packages.ts";

const PATH = "/api/v1/pipelines";
const STEP = {
  name: "polish",
  kind: "change",
  command: ["polish", "{input}", "{output}"],
  timeout_seconds: 60,
  tools: [],
};
const WORKER = { id: "w", queues: ["build"], buildsApks: false, warnings: [] };
const POLISH = { description: "Polishes.", types: ["zip"], steps: [STEP] };

async function startPolishing() {
  const api = await startApi();
  const call = (method: string, path: string, json?: object) =>
    api.call(ADMIN, method, `${PATH}${path}`, json && { json });
  const created = await call("POST", "", { name: "polish", ...POLISH });
  return { api, call, created };
}

describe("GET /api/v1/pipelines", () => {
  test("lists what is shipped, by name", async () => {
    const api = await startApi();

    const { status, body } = await api.call(ADMIN, "GET", PATH);

    expect(status).toBe(200);
    expect(body.items.map(({ name }: { name: string }) => name)).toEqual(
      expect.arrayContaining(["apk", "apk-protect", "ipa", "zip"]),
    );
  });
});

describe("GET /api/v1/pipelines/:name", () => {
  test("shows any version, also of one that was removed", async () => {
    const { call } = await startPolishing();
    await call("PUT", "/polish", { ...POLISH, steps: [] });
    await call("DELETE", "/polish");

    expect(await call("GET", "/polish")).toMatchObject({
      status: 404,
      body: { code: "pipelines/not-found" },
    });
    expect((await call("GET", "/polish?version=1")).body).toMatchObject({ version: 1, ...POLISH });
    expect((await call("GET", "/polish?version=2")).body).toMatchObject({ version: 2, steps: [] });
    expect((await call("GET", "/polish?version=3")).status).toBe(404);
  });
});

describe("GET /api/v1/pipelines/:name/versions", () => {
  test("lists all that it was, newest first", async () => {
    const { call } = await startPolishing();
    await call("PUT", "/polish", { ...POLISH, steps: [] });

    const { body } = await call("GET", "/polish/versions");

    expect(body.items.map(({ version }: { version: number }) => version)).toEqual([2, 1]);
    expect((await call("GET", "/unknown/versions")).status).toBe(404);
  });
});

describe("POST /api/v1/pipelines", () => {
  test("saves a first version with what is usual, and says who did", async () => {
    const { created } = await startPolishing();

    expect(created).toMatchObject({
      status: 201,
      body: {
        name: "polish",
        version: 1,
        saved_by: "admin",
        steps: [{ ...STEP, retry: { tries: 3, pause_seconds: 1 }, exit_codes: { "0": "ok" } }],
      },
    });
    expect(created.headers.get("location")).toBe(`${PATH}/polish`);
    expect(await AuditEntry.findOne({ where: { action: "pipelines.created" } })).toMatchObject({
      subjectKind: "pipeline",
      subjectId: "polish",
      after: { types: ["zip"] },
    });
  });

  test("refuses a name in use, and goes on after the last version of one that was removed", async () => {
    const { call } = await startPolishing();

    const taken = await call("POST", "", { name: "polish", ...POLISH });
    await call("DELETE", "/polish");
    const again = await call("POST", "", { name: "polish", ...POLISH });

    expect(taken).toMatchObject({ status: 409, body: { code: "pipelines/name-taken" } });
    expect(again).toMatchObject({ status: 201, body: { version: 2 } });
  });

  test("refuses what breaks the rules with every fault and where it stands", async () => {
    const { call } = await startPolishing();
    const sign = { ...STEP, name: "sign", kind: "sign", env: { KEY: { secret: "mine" } } };

    const { status, body } = await call("POST", "", {
      ...POLISH,
      name: "bad",
      steps: [sign, { ...STEP, command: ["polish", "{input}"] }],
    });

    expect({ status, code: body.code }).toEqual({ status: 422, code: "pipelines/invalid" });
    expect(body.issues.map(({ path }: { path: string }) => path)).toEqual([
      "steps.0.command",
      "steps.1.command",
      "steps.1",
    ]);
  });

  test("knows a secret by its name as soon as a worker is configured with it", async () => {
    const { api, call } = await startPolishing();
    await reportWorker(api.services.database, {
      ...WORKER,
      knownReferences: ["secret:mine"],
    });
    const steps = [{ ...STEP, env: { KEY: { secret: "mine" } } }];

    expect((await call("POST", "", { ...POLISH, name: "keyed", steps })).status).toBe(201);
  });
});

describe("PUT /api/v1/pipelines/:name", () => {
  test("saves the next version; a run keeps the one that it was accepted with", async () => {
    const { api, call } = await startPolishing();
    const bytes = await zipOf({ "a.txt": "a" });
    const form = uploadForm({ name: "App", version: "1", pipeline: "polish" }, { bytes });
    const { body } = await api.call(ADMIN, "POST", "/api/v1/packages", { form });

    const saved = await call("PUT", "/polish", { ...POLISH, description: "Better." });

    expect(body).toMatchObject({ pipeline: "polish", run: { pipeline: { version: 1 } } });
    expect(saved.body).toMatchObject({ version: 2, description: "Better." });
    expect(await PackageRun.findByPk(body.run.id)).toMatchObject({
      pipeline: "polish",
      pipelineVersion: 1,
    });
    expect(await AuditEntry.findOne({ where: { action: "pipelines.saved" } })).toMatchObject({
      before: { description: "Polishes." },
      after: { description: "Better." },
    });
    expect((await call("PUT", "/unknown", POLISH)).status).toBe(404);
  });
});

describe("DELETE /api/v1/pipelines/:name", () => {
  test("refuses while a package goes through it, and names that; never removes a type's own", async () => {
    const { api, call } = await startPolishing();
    const { body } = await uploadPackage(api, { name: "User" });
    const choose = (pipeline: string | null) =>
      api.call(ADMIN, "PATCH", `/api/v1/packages/${body.id}`, { json: { pipeline } });

    await choose("polish");
    const used = await call("DELETE", "/polish");
    await choose(null);
    const free = await call("DELETE", "/polish");
    const own = await call("DELETE", "/zip");

    expect(used).toMatchObject({
      status: 409,
      body: { code: "pipelines/in-use", packages: [{ id: body.id, name: "User" }] },
    });
    expect(free).toMatchObject({ status: 200, body: { status: "removed" } });
    expect(own).toMatchObject({ status: 409, body: { code: "pipelines/default" } });
    expect((await call("DELETE", "/polish")).status).toBe(404);
  });
});

describe("a package that chooses its pipeline", () => {
  test.each([
    ["is not there", "unknown", 404, "pipelines/not-found"],
    ["is for another type", "apk", 422, "packages/pipeline-unfit"],
  ])("is refused one that %s", async (_what, pipeline, status, code) => {
    const { api } = await startPolishing();
    const { body } = await uploadPackage(api);
    const bytes = await zipOf({ "a.txt": "a" });
    const form = uploadForm({ name: "Other", version: "1", pipeline }, { bytes });
    const path = `/api/v1/packages/${body.id}`;

    expect(await api.call(ADMIN, "PATCH", path, { json: { pipeline } })).toMatchObject({
      status,
      body: { code },
    });
    expect(await api.call(ADMIN, "POST", "/api/v1/packages", { form })).toMatchObject({
      status,
      body: { code },
    });
  });

  test("is not accepted while no worker has the tools of the pipeline", async () => {
    const { api, call } = await startPolishing();
    await call("PUT", "/polish", { ...POLISH, steps: [{ ...STEP, tools: ["polish"] }] });
    const bytes = await zipOf({ "a.txt": "a" });
    const upload = (name: string) => {
      const form = uploadForm({ name, version: "1", pipeline: "polish" }, { bytes });
      return api.call(ADMIN, "POST", "/api/v1/packages", { form });
    };

    const early = await upload("early");
    await reportWorker(api.services.database, {
      ...WORKER,
      tools: ["polish"],
    });

    expect(early).toMatchObject({ status: 503, body: { code: "packages/tools-missing" } });
    expect(early.body.detail).toMatch(/^No worker has polish\./);
    expect((await upload("late")).status).toBe(202);
  });
});

test.each([
  ["pipelines:read", ["GET /x", "GET /x/versions", "GET "]],
  ["pipelines:administer", ["POST ", "PUT /x", "DELETE /x"]],
])("%s is needed, and every other right is not enough", async (need, calls) => {
  const api = await startApi();
  const permissions = PERMISSIONS.filter((one) => one !== need);
  for (const [method, path] of calls.map((one) => one.split(" ") as [string, string])) {
    expect((await api.call(undefined, method, PATH + path)).status).toBe(401);
    expect((await api.call({ ...STRANGER, permissions }, method, PATH + path)).status).toBe(403);
  }
});
