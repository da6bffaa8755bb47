import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { AuditEntry, OutboxEntry } from "../../../models/operations.ts";
import {
  acceptRollback,
  Package,
  PackageChannel,
  PackageRun,
  PackageVersion,
} from "../../../models/packages/index.ts";
import { ADMIN, startApi, type StartedApi } from "../../support/api.ts";
import {
  makeReady,
  publishByHand,
  uploadForm,
  uploadPackage,
  zipOf,
} from "../../support/packages.ts";

describe("POST /api/v1/packages/:id/rollback with dry_run", () => {
  test("says from what to what, what is told to edges and what else is under way", async () => {
    const { api, id, forecast } = await startWithTwo();
    const [old, live] = await PackageVersion.findAll({ order: [["version", "ASC"]] });
    const building = (await replace(api, id, "3.0.0")).body.run;
    await replace(api, id, "4.0.0", { draft: "true" });
    await makeReady(api, { version: "4.0.0" });
    const timed = await api.call(ADMIN, "POST", `${pathOf(id)}/versions/4.0.0/publish`, {
      json: { at: new Date(Date.now() + 3_600_000).toISOString() },
    });

    const { status, body } = await forecast("1.0.0");

    expect(status).toBe(200);
    const { publicUrl } = api.services.env;
    expect(body).toMatchObject({
      dry_run: true,
      channel: "stable",
      from: { version: "2.0.0", sha256: live!.artefactSha256, bytes: live!.artefactBytes },
      to: { version: "1.0.0", sha256: old!.artefactSha256, bytes: old!.artefactBytes },
      passes: true,
      refusal: null,
      kept: true,
      purges: [`${publicUrl}/dist/${id}/release.zip`, `${publicUrl}/dist/${id}/stable.zip`],
      before: [{ id: building.id, version: "3.0.0", status: "queued" }],
      after: [{ id: timed.body.run.id, version: "4.0.0", kind: "publish" }],
    });
  });

  test("changes nothing: no number, no run, no order, no audit", async () => {
    const { id, forecast } = await startWithTwo();
    const standing = async () => ({
      numbers: (await PackageChannel.findAll()).map(({ lastNumber }) => lastNumber),
      runs: await PackageRun.count(),
      orders: await OutboxEntry.count(),
      audited: await AuditEntry.count({ where: { subjectId: id } }),
    });
    const before = await standing();

    await forecast("1.0.0");

    expect(await standing()).toEqual(before);
  });

  test("tells what it would be refused with, and when the bytes are gone", async () => {
    const { api, id, forecast } = await startWithTwo();
    await replace(api, id, "3.0.0", { draft: "true" });
    const building = (await forecast("3.0.0")).body;
    await makeReady(api, { version: "3.0.0" });
    const draft = (await forecast("3.0.0")).body;
    const { artefactKey } = await PackageVersion.findOne({
      where: { version: "1.0.0" },
      rejectOnEmpty: true,
    });
    await api.services.objects.delete(artefactKey!);
    const gone = (await forecast("1.0.0")).body;
    const unknown = await forecast("9.9.9");

    expect(building).toMatchObject({
      passes: false,
      kept: false,
      refusal: { code: "packages/version-not-ready" },
    });
    expect(draft.refusal.message).toBe("Version 3.0.0 is a draft. Publish it.");
    expect(gone).toMatchObject({ passes: false, refusal: null, kept: false });
    expect(unknown).toMatchObject({ status: 404, body: { code: "packages/version-not-found" } });
  });
});

const pathOf = (id: string) => `/api/v1/packages/${id}`;

/** A package whose link has shown two versions; it shows 2.0.0. */
async function startWithTwo() {
  const api = await startApi();
  const { id } = (await uploadPackage(api)).body as { id: string };
  await publishByHand(api, id, "1.0.0");
  await replace(api, id, "2.0.0");
  await publishByHand(api, id, "2.0.0");
  const forecast = (version: string) =>
    api.call(ADMIN, "POST", `${pathOf(id)}/rollback`, { json: { version, dry_run: true } });
  return { api, id, forecast };
}

async function replace(api: StartedApi, id: string, version: string, fields = {}) {
  const form = uploadForm({ version, ...fields }, { bytes: await zipOf({ a: version }) });
  return api.call(ADMIN, "POST", `${pathOf(id)}/versions`, { form });
}

test("a rollback that comes together with a yank is refused, once the yank has won", async () => {
  const { api, id } = await startWithTwo();
  const owner = await Package.findOne({ rejectOnEmpty: true });
  const seen = await PackageVersion.findOne({ where: { version: "1.0.0" }, rejectOnEmpty: true });
  const json = { reason: "bad" };
  await api.call(ADMIN, "POST", `${pathOf(id)}/versions/1.0.0/yank`, { json });
  const asker = { actor: ADMIN, address: "127.0.0.1", requestId: "r" };
  const order = { runId: randomUUID(), version: seen };

  await expect(acceptRollback(api.services.database, owner, order, asker)).rejects.toMatchObject({
    type: "packages/version-yanked",
  });
});
