import { describe, expect, test } from "vitest";
import type { BuildStep, Verdict } from "../../../domain/packages.ts";
import { inTransaction } from "../../../models/database.ts";
import { AuditEntry, OutboxEntry } from "../../../models/operations.ts";
import {
  noteFindings,
  PackageFinding,
  PackageRun,
  PackageStep,
  PackageVersion,
} from "../../../models/packages/index.ts";
import { ADMIN, startApi, type StartedApi, STRANGER } from "../../support/api.ts";
import {
  makeReady,
  publishByHand,
  uploadForm,
  uploadPackage,
  zipOf,
} from "../../support/packages.ts";

const PATH = "/api/v1/packages";
const reason = "looked at it";

/** A package that shows 1.0.0 and whose version 2.0.0 was found to hold malware. */
async function startHeld() {
  const api = await startApi();
  const { body, bytes } = await uploadPackage(api, { name: "Held" });
  await publishByHand(api, body.id, "1.0.0");
  const form = uploadForm({ version: "2.0.0" }, { bytes: await zipOf({ a: "2" }) });
  await api.call(ADMIN, "POST", `${PATH}/${body.id}/versions`, { form });
  const row = await PackageVersion.findOne({ where: { version: "2.0.0" }, rejectOnEmpty: true });
  const run = await PackageRun.findOne({ where: { versionId: row.id }, rejectOnEmpty: true });
  await inTransaction(api.services.database, async (transaction) => {
    const ids = { packageId: row.packageId, versionId: row.id, runId: run.id };
    const found = [{ name: "Eicar-Test", detail: "A signature of ClamAV matches." }];
    const where = { sha256: row.originalSha256, scanner: "The malware scan", signatures: "tests" };
    await noteFindings({ ...ids, ...where, found }, transaction);
    await row.update({ verdict: "held", state: "failed" }, { transaction });
    await run.update({ state: "quarantined" }, { transaction });
  });
  const act = (verb: string, json: object = { reason }, version = "2.0.0") =>
    api.call(ADMIN, "POST", `${PATH}/${body.id}/versions/${version}/${verb}`, { json });
  return { api, id: body.id as string, bytes, act, row };
}

/** The version's run has come to this step, which has found something. */
async function stoppedAt({ services }: StartedApi, row: PackageVersion, name: BuildStep) {
  const run = await PackageRun.findOne({ where: { versionId: row.id }, rejectOnEmpty: true });
  await inTransaction(services.database, async (transaction) => {
    await run.update({ plan: ["metadata", "scan", "checksums"] }, { transaction });
    const { originalKey: key, originalBytes: bytes, originalSha256: sha256 } = row;
    const output = { outputKey: key, outputBytes: bytes, outputSha256: sha256 };
    const step = { runId: run.id, attempts: 1, startedAt: new Date() };
    const done = { position: 0, name: "metadata", state: "succeeded" } as const;
    await PackageStep.create({ ...step, ...done, ...output }, { transaction });
    await PackageStep.create({ ...step, position: 1, name, state: "failed" }, { transaction });
  });
}

async function judge({ services }: StartedApi, version: string, verdict: Verdict) {
  await inTransaction(services.database, (transaction) =>
    PackageVersion.update({ verdict }, { where: { version }, transaction }),
  );
}

describe("GET /api/v1/quarantine", () => {
  test("lists what waits for a decision, with what was found in it and by what", async () => {
    const { api, id, row } = await startHeld();

    const { status, body } = await api.call(ADMIN, "GET", "/api/v1/quarantine");

    expect(status).toBe(200);
    expect(body).toMatchObject({
      items: [
        {
          package: { id, name: "Held" },
          version: "2.0.0",
          verdict: "held",
          live: false,
          findings: [
            {
              name: "Eicar-Test",
              sha256: row.originalSha256,
              signatures: "tests",
              approved_at: null,
            },
          ],
        },
      ],
      next: null,
    });
    const { body: versions } = await api.call(ADMIN, "GET", `${PATH}/${id}/versions`);
    expect(versions.items).toMatchObject([
      { findings: [{ name: "Eicar-Test" }] },
      { findings: [] },
    ]);
  });

  test("is for those who may read packages", async () => {
    const { api, act } = await startHeld();

    expect((await api.call(STRANGER, "GET", "/api/v1/quarantine")).status).toBe(403);
    await act("reject");
    expect((await api.call(ADMIN, "GET", "/api/v1/quarantine")).body.items).toEqual([]);
  });
});

describe("POST /api/v1/packages/:id/versions/:version/release", () => {
  test("approves what was found for these very bytes, is audited, and the build goes on where it stopped", async () => {
    const { api, act, row } = await startHeld();
    await stoppedAt(api, row, "scan");

    const answer = await act("release");

    expect(answer).toMatchObject({
      status: 202,
      body: { run: { kind: "release", version: "2.0.0" } },
    });
    expect(await PackageFinding.findAll()).toMatchObject([
      { name: "Eicar-Test", approvedBy: "admin", approvalReason: reason },
    ]);
    expect(await PackageVersion.findByPk(row.id)).toMatchObject({
      verdict: "pending",
      state: "processing",
    });
    expect(await PackageRun.findByPk(answer.body.run.id)).toMatchObject({
      fromStep: "scan",
      inputSha256: row.originalSha256,
      number: 2,
    });
    expect(
      await AuditEntry.findOne({ where: { action: "packages.version-released" } }),
    ).toMatchObject({
      actorName: "admin",
      before: { version: "2.0.0", verdict: "held" },
      after: { reason, findings: ["Eicar-Test"], run: answer.body.run.id },
    });
    expect((await OutboxEntry.findByPk(answer.body.run.id))?.command).toMatchObject({
      update: "rebuildVersion",
      argument: { kind: "release", number: 2 },
    });
  });

  test("keeps a draft a draft", async () => {
    const { api, act, row } = await startHeld();
    await inTransaction(api.services.database, (transaction) =>
      row.update({ isDraft: true }, { transaction }),
    );

    const answer = await act("release");

    expect(await PackageVersion.findByPk(row.id)).toMatchObject({ isDraft: true });
    expect(await PackageRun.findByPk(answer.body.run.id)).toMatchObject({ number: 0 });
  });

  test("refuses what is not held, was rejected or yanked, no reason, and who may not administer", async () => {
    const { api, id, act } = await startHeld();

    expect((await act("release", { reason }, "1.0.0")).body.code).toBe("packages/version-not-held");
    expect((await act("release", {})).status).toBe(422);
    const path = `${PATH}/${id}/versions/2.0.0/release`;
    expect((await api.call(STRANGER, "POST", path, { json: { reason } })).status).toBe(403);
    await act("reject");
    expect(await act("release")).toMatchObject({
      status: 403,
      body: { code: "packages/version-rejected" },
    });
    await act("yank", { reason }, "1.0.0");
    expect((await act("release", { reason }, "1.0.0")).status).toBe(410);
  });
});

describe("POST /api/v1/packages/:id/versions/:version/reject", () => {
  test("shuts the version's doors for ever, is audited, and the link goes on showing the older one", async () => {
    const { api, id, act, bytes } = await startHeld();

    const answer = await act("reject");

    expect(answer).toMatchObject({ status: 200, body: { verdict: "rejected", status: "failed" } });
    expect(
      await AuditEntry.findOne({ where: { action: "packages.version-rejected" } }),
    ).toMatchObject({
      actorName: "admin",
      before: { version: "2.0.0", verdict: "held" },
      after: { verdict: "rejected", reason, findings: ["Eicar-Test"] },
    });
    expect((await api.call(undefined, "GET", `/dist/${id}/v/2.0.0/app.zip`)).status).toBe(403);
    const link = await fetch(new URL(`/dist/${id}/release.zip`, api.address));
    expect(Buffer.from(await link.arrayBuffer())).toEqual(bytes);
  });

  test("a rejected version is neither rejected again nor rolled back to nor published", async () => {
    const { api, id, act } = await startHeld();
    await makeReady(api, { version: "2.0.0" });
    await judge(api, "2.0.0", "held");
    await act("reject");

    expect((await act("reject")).body.code).toBe("packages/version-not-held");
    expect((await act("publish", {})).body.code).toBe("packages/version-rejected");
    const json = { version: "2.0.0" };
    const back = await api.call(ADMIN, "POST", `${PATH}/${id}/rollback`, { json });
    expect(back.body.code).toBe("packages/version-rejected");
  });

  test("refuses what is not held, no reason, and who may not administer", async () => {
    const { api, id, act } = await startHeld();

    expect(await act("reject", { reason }, "1.0.0")).toMatchObject({
      status: 409,
      body: { code: "packages/version-not-held" },
    });
    expect((await act("reject", { reason: " " })).status).toBe(422);
    const path = `${PATH}/${id}/versions/2.0.0/reject`;
    expect((await api.call(STRANGER, "POST", path, { json: { reason } })).status).toBe(403);
  });
});

describe("POST /api/v1/packages/:id/versions/:version/rescan", () => {
  test("orders a scan of what is published, and is audited", async () => {
    const { api, act, id } = await startHeld();

    const answer = await act("rescan", {}, "1.0.0");

    expect(answer).toMatchObject({
      status: 202,
      body: { package: id, version: "1.0.0", status: "scanning" },
    });
    expect(await OutboxEntry.findOne({ where: { workflow: "packageRescan" } })).toMatchObject({
      command: null,
      subject: id,
    });
    expect(
      await AuditEntry.findOne({ where: { action: "packages.rescan-ordered" } }),
    ).toMatchObject({ after: { version: "1.0.0" } });
    const path = `${PATH}/${id}/versions/1.0.0/rescan`;
    expect((await api.call(STRANGER, "POST", path)).status).toBe(403);
  });

  test("refuses what is held, or was never built", async () => {
    const { api, act } = await startHeld();

    expect((await act("rescan")).body.code).toBe("packages/version-held");
    await judge(api, "2.0.0", "pending");
    expect((await act("rescan")).body.code).toBe("packages/version-not-ready");
  });
});
