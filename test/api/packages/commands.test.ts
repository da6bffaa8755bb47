import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { PERMISSIONS } from "../../../domain/accounts.ts";
import { AuditEntry, OutboxEntry } from "../../../models/operations.ts";
import {
  acceptRollback,
  Package,
  PackageRun,
  PackageVersion,
} from "../../../models/packages/index.ts";
import { STRANGER, ADMIN, startApi } from "../../support/api.ts";
import { publishByHand, uploadPackage } from "../../support/packages.ts";

const PATH = "/api/v1/packages";

describe("POST /api/v1/packages/:id/runs/:run/resolve", () => {
  test("refuses a run that is not parked, and a decision without a reason", async () => {
    const api = await startApi();
    const { headers } = await uploadPackage(api);
    const path = `${headers.get("location")}/resolve`;

    const early = await api.call(ADMIN, "POST", path, { json: { action: "retry", reason: "x" } });
    const bare = await api.call(ADMIN, "POST", path, { json: { action: "retry" } });

    expect(early).toMatchObject({ status: 409, body: { code: "packages/run-not-parked" } });
    expect(bare).toMatchObject({ status: 422, body: { issues: [{ path: "reason" }] } });
  });
});

describe("POST /api/v1/packages/:id/runs/:run/resolve of a parked run", () => {
  test("tells the workflow that waits, each time, also when a client repeats its request id", async () => {
    const api = await startApi();
    const { headers, body } = await uploadPackage(api);
    await PackageRun.update(
      { state: "parked", parkedIn: "package/waiting" },
      { where: { id: body.run.id } },
    );
    const decide = () =>
      api.call(ADMIN, "POST", `${headers.get("location")}/resolve`, {
        json: { action: "retry", reason: "mended" },
        headers: { "x-request-id": "always-the-same" },
      });

    const answers = [await decide(), await decide()];

    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
    const told = { method: "executeUpdate", workflowId: "package/waiting", name: "resolve" };
    expect(api.temporal.calls).toMatchObject([told, told]);
    const ids = api.temporal.calls.map(
      ({ options }) => (options as { updateId?: string }).updateId ?? randomUUID(),
    );
    expect(new Set(ids).size).toBe(2);
  });
});

describe("POST /api/v1/packages/:id/rollback", () => {
  test("orders the publication of a ready version, and refuses others", async () => {
    const api = await startApi();
    const { body } = await uploadPackage(api);
    const roll = (version: string) =>
      api.call(ADMIN, "POST", `${PATH}/${body.id}/rollback`, { json: { version } });

    const early = await roll("1.0.0");
    const unknown = await roll("9.9.9");
    await publishByHand(api, body.id, "1.0.0");
    const accepted = await roll("1.0.0");

    expect(early).toMatchObject({ status: 409, body: { code: "packages/version-not-ready" } });
    expect(unknown).toMatchObject({ status: 404, body: { code: "packages/version-not-found" } });
    expect(accepted).toMatchObject({ status: 202, body: { run: { kind: "rollback" } } });
    expect(await OutboxEntry.findByPk(accepted.body.run.id)).toMatchObject({
      command: { update: "rollBackPackage", argument: { number: 2 } },
    });
  });
});

describe("PATCH /api/v1/packages/:id", () => {
  test("switches distribution off and on, tells the workflow of the first, and audits both", async () => {
    const api = await startApi();
    const { body } = await uploadPackage(api);
    const { path } = await publishByHand(api, body.id, "1.0.0");
    const change = (json: object) => api.call(ADMIN, "PATCH", `${PATH}/${body.id}`, { json });

    const off = await change({ is_distributing: false });
    const shut = await api.call(undefined, "GET", path);
    const on = await change({ is_distributing: true, description: "a tool" });

    expect(off).toMatchObject({ status: 200, body: { is_distributing: false, description: null } });
    expect(shut).toMatchObject({
      status: 403,
      body: { detail: "Package distribution is disabled" },
    });
    expect(on.body).toMatchObject({ is_distributing: true, description: "a tool" });
    expect((await api.call(undefined, "GET", path)).status).toBe(200);
    const commands = (await OutboxEntry.findAll()).map(({ command }) => command!.update);
    expect(commands.filter((update) => update === "closeDoors")).toHaveLength(1);
    const audited = await AuditEntry.findAll({ where: { action: "packages.changed" } });
    expect(audited.map(({ after }) => after)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ is_distributing: false, description: null }),
        expect.objectContaining({ is_distributing: true, description: "a tool" }),
      ]),
    );
  });
});

describe("DELETE /api/v1/packages/:id", () => {
  test("asks for the name; then nobody finds the package, and its workflow is to remove it", async () => {
    const api = await startApi();
    const { body } = await uploadPackage(api, { name: "Going" });
    const { path } = await publishByHand(api, body.id, "1.0.0");
    const remove = (name: string) =>
      api.call(ADMIN, "DELETE", `${PATH}/${body.id}`, { json: { name } });

    const wrong = await remove("Other");
    const right = await remove("Going");

    expect(wrong).toMatchObject({ status: 422, body: { code: "packages/name-mismatch" } });
    expect(right).toMatchObject({ status: 202, body: { id: body.id, status: "removing" } });
    expect((await api.call(undefined, "GET", path)).status).toBe(404);
    expect((await api.call(ADMIN, "GET", `${PATH}/${body.id}`)).status).toBe(404);
    expect((await api.call(ADMIN, "GET", PATH)).body.items).toEqual([]);
    expect((await remove("Going")).status).toBe(404);
    expect(await uploadPackage(api, { name: "Going" })).toMatchObject({
      status: 409,
      body: { code: "packages/name-taken", detail: expect.stringContaining("being removed") },
    });
    expect((await OutboxEntry.findAll()).map(({ command }) => command!.update)).toEqual([
      "removePackage",
    ]);
  });

  test("what is accepted at the same moment is refused", async () => {
    const api = await startApi();
    const { body } = await uploadPackage(api, { name: "Going" });
    const owner = await Package.findOne({ rejectOnEmpty: true });
    const version = await PackageVersion.findOne({ rejectOnEmpty: true });
    await api.call(ADMIN, "DELETE", `${PATH}/${body.id}`, { json: { name: "Going" } });

    const late = acceptRollback(
      api.services.database,
      owner,
      { runId: randomUUID(), version },
      { actor: ADMIN, address: "127.0.0.1", requestId: "r" },
    );

    await expect(late).rejects.toThrow("Package not found");
  });
});

describe("rights", () => {
  const NEEDED = {
    "packages:read": [
      ["GET", PATH],
      ["GET", `${PATH}/1001`],
      ["GET", `${PATH}/1001/versions`],
      ["GET", `${PATH}/1001/runs`],
    ],
    "packages:upload": [
      ["POST", PATH],
      ["POST", `${PATH}/1001/versions`],
      ["PATCH", `${PATH}/1001/versions/1`],
    ],
    "packages:publish": [
      ["POST", `${PATH}/1001/rollback`],
      ["PATCH", `${PATH}/1001`],
      ["POST", `${PATH}/1001/versions/1/publish`],
      ["POST", `${PATH}/1001/versions/1/yank`],
    ],
    "packages:run": [
      ["POST", `${PATH}/1001/runs`],
      ["POST", `${PATH}/1001/runs/${randomUUID()}/cancel`],
    ],
    "packages:resolve": [["POST", `${PATH}/1001/runs/${randomUUID()}/resolve`]],
    "packages:administer": [["DELETE", `${PATH}/1001`]],
  } as const;

  test.each(Object.entries(NEEDED))(
    "%s is needed, and every other right is not enough",
    async (need, calls) => {
      const api = await startApi();
      const others = PERMISSIONS.filter((permission) => permission !== need);
      for (const [method, path] of calls) {
        expect((await api.call(undefined, method, path)).status).toBe(401);
        expect(await api.call({ ...STRANGER, permissions: others }, method, path)).toMatchObject({
          status: 403,
          body: { code: "accounts/not-allowed" },
        });
      }
    },
  );
});
