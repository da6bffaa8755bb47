import { describe, expect, test } from "vitest";
import { inTransaction } from "../../../models/database.ts";
import { AuditEntry, OutboxEntry } from "../../../models/operations.ts";
import {
  adoptArtefact,
  beginStep,
  endStep,
  Package,
  PackageRun,
  PackageStep,
  PackageVersion,
} from "../../../models/packages/index.ts";
import { ADMIN, startApi, type StartedApi } from "../../support/api.ts";
import { digestOf, publishByHand, uploadPackage } from "../../support/packages.ts";

const PATH = "/api/v1/packages";
const ZERO = "0".repeat(64);

/** A package whose first version is live; its run left an output of each step of its plan. */
async function startBuilt() {
  const api = await startApi();
  const { body, bytes } = await uploadPackage(api);
  const link = await publishByHand(api, body.id, "1.0.0");
  const { packageId } = await PackageVersion.findOne({ rejectOnEmpty: true });
  const key = `packages/${packageId}/runs/${body.run.id}/harden/1`;
  const hardened = { key, ...(await api.services.objects.put(key, "hardened")) };
  const { originalKey, originalBytes, originalSha256 } = await PackageVersion.findOne({
    rejectOnEmpty: true,
  });
  const original = { key: originalKey, bytes: originalBytes, sha256: originalSha256 };
  await inTransaction(api.services.database, async (transaction) => {
    const plan = ["metadata", "harden", "checksums"] as const;
    const runId = body.run.id;
    await PackageRun.update({ plan: [...plan] }, { where: { id: runId }, transaction });
    for (const [position, name] of plan.slice(0, 2).entries()) {
      const turn = await beginStep({ runId, position, name }, transaction);
      const output = name === "harden" ? hardened : original;
      await endStep({ runId, name, turn }, { state: "succeeded", output }, transaction);
    }
  });
  const rebuild = (json: object) =>
    api.call(ADMIN, "POST", `${PATH}/${body.id}/runs`, { json: { version: "1.0.0", ...json } });
  return { api, id: body.id as string, run: body.run.id as string, bytes, link, hardened, rebuild };
}

const orderOf = async (run: string) =>
  (await OutboxEntry.findByPk(run, { rejectOnEmpty: true })).command;

describe("POST /api/v1/packages/:id/runs", () => {
  test("orders the whole version anew, tells its workflow, and audits who asked", async () => {
    const { rebuild } = await startBuilt();

    const { status, body } = await rebuild({});

    expect(status).toBe(202);
    expect(body.run).toMatchObject({ kind: "rebuild", status: "queued", from_step: null });
    expect(await orderOf(body.run.id)).toMatchObject({
      update: "rebuildVersion",
      argument: { kind: "rebuild", number: 2 },
    });
    expect(
      await AuditEntry.findOne({ where: { action: "packages.rebuild-ordered" } }),
    ).toMatchObject({ actorName: "admin", after: { version: "1.0.0", kind: "rebuild" } });
  });

  test("from a step on takes what the newest run has left before it, and shows those steps as reused", async () => {
    const { api, id, rebuild, hardened } = await startBuilt();

    const { status, body } = await rebuild({ from_step: "checksums" });

    expect(status).toBe(202);
    expect(body.run).toMatchObject({ from_step: "checksums", input_sha256: hardened.sha256 });
    const run = await api.call(ADMIN, "GET", `${PATH}/${id}/runs/${body.run.id}`);
    expect(run.body.steps).toMatchObject([
      { name: "metadata", status: "reused" },
      { name: "harden", status: "reused", output_sha256: hardened.sha256, output_size: 8 },
    ]);
  });

  test("out of another original or any step's output, named by its digest", async () => {
    const { rebuild, bytes, hardened } = await startBuilt();

    const original = await rebuild({ input: digestOf(bytes).toUpperCase() });
    const output = await rebuild({ input: hardened.sha256, from_step: "harden" });

    expect(original.body.run.input_sha256).toBe(digestOf(bytes));
    expect(output.body.run).toMatchObject({
      from_step: "harden",
      input_sha256: hardened.sha256,
    });
  });

  test.each([
    ["an unknown version", { version: "9.9.9" }, 404, "packages/version-not-found"],
    ["an unknown step", { from_step: "polish" }, 422, "packages/no-such-step"],
    ["an input that is nobody's", { input: ZERO }, 422, "packages/no-such-input"],
    ["a digest that is none", { input: "abc" }, 422, "request/invalid"],
  ])("refuses %s", async (_what, json, status, code) => {
    const { rebuild } = await startBuilt();

    expect(await rebuild(json)).toMatchObject({ status, body: { code } });
    expect(await PackageRun.count()).toBe(1);
  });

  test("refuses a step to which no run has come, and outputs that are not kept any more", async () => {
    const { api, run, rebuild, hardened } = await startBuilt();

    await api.services.objects.delete(hardened.key);
    const deleted = await rebuild({ from_step: "checksums" });
    await PackageRun.update({ clearedAt: new Date() }, { where: { id: run } });
    const cleared = await rebuild({ from_step: "checksums" });
    const byDigest = await rebuild({ input: hardened.sha256 });
    await PackageStep.update({ state: "failed" }, { where: { name: "harden" } });
    const early = await rebuild({ from_step: "checksums" });

    for (const gone of [deleted, cleared, byDigest]) {
      expect(gone).toMatchObject({ status: 409, body: { code: "packages/output-gone" } });
    }
    expect(early).toMatchObject({ status: 409, body: { code: "packages/step-not-reached" } });
  });

  test("a version that failed is processed again; one that is being built is not built beside itself", async () => {
    const { rebuild } = await startBuilt();
    await PackageVersion.update({ state: "failed" }, { where: { version: "1.0.0" } });

    const first = await rebuild({});
    const second = await rebuild({});

    expect(first.status).toBe(202);
    expect(await PackageVersion.findOne()).toMatchObject({ state: "processing" });
    expect(second).toMatchObject({ status: 409, body: { code: "packages/version-processing" } });
  });

  test("refuses a version that was withdrawn", async () => {
    const { rebuild } = await startBuilt();
    await PackageVersion.update({ yankedAt: new Date() }, { where: { version: "1.0.0" } });

    expect(await rebuild({})).toMatchObject({
      status: 410,
      body: { code: "packages/version-yanked" },
    });
  });
});

describe("a version that was built again", () => {
  test("keeps the bytes of its own address, and tells of both builds", async () => {
    const { api, id, bytes } = await startBuilt();
    const rebuilt = await adopt(api);

    const { body: versions } = await api.call(ADMIN, "GET", `${PATH}/${id}/versions`);
    const [version] = versions.items;
    const own = await api.call(undefined, "GET", new URL(version.download_url).pathname);

    expect(version).toMatchObject({ sha256: digestOf(bytes), file_size: bytes.length });
    expect(version.rebuilt).toEqual({ sha256: rebuilt.sha256, file_size: rebuilt.bytes });
    expect(own.headers.get("etag")).toBe(`"${digestOf(bytes)}"`);
    expect((await api.call(ADMIN, "GET", `${PATH}/${id}`)).body).toMatchObject({
      sha256: rebuilt.sha256,
      file_size: rebuilt.bytes,
    });
  });
});

/** What a publication records: the link shows a second, then a third build. Answers the last. */
async function adopt({ services }: StartedApi) {
  const { id } = await Package.findOne({ rejectOnEmpty: true });
  const version = await PackageVersion.findOne({ where: { packageId: id }, rejectOnEmpty: true });
  let built = { key: "", bytes: 0, sha256: "" };
  for (const content of ["second", "the third"]) {
    const key = `packages/${id}/versions/${version.id}/${content}`;
    built = { key, ...(await services.objects.put(key, content)) };
    await inTransaction(services.database, (transaction) =>
      adoptArtefact(version.id, built, transaction),
    );
  }
  return built;
}
