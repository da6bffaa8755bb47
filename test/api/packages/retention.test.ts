import { describe, expect, test } from "vitest";
import { packageKeys } from "../../../domain/packages.ts";
import { AuditEntry, OutboxEntry } from "../../../models/operations.ts";
import { PackageVersion } from "../../../models/packages/index.ts";
import { deriveKey, signLink } from "../../../platform/crypto.ts";
import { ADMIN, startApi } from "../../support/api.ts";
import { publishByHand, uploadForm, uploadPackage, zipOf } from "../../support/packages.ts";

const PATH = "/api/v1/packages";

/** A package with the versions 1 and 2; 2 is live, and 1 was removed by hand as retention does it. */
async function startWithRemoved() {
  const api = await startApi();
  const { body, bytes } = await uploadPackage(api, { version: "1" });
  const id = body.id as string;
  await publishByHand(api, id, "1");
  const form = uploadForm({ version: "2" }, { bytes: await zipOf({ version: "2" }) });
  await api.call(ADMIN, "POST", `${PATH}/${id}/versions`, { form });
  await publishByHand(api, id, "2");
  const row = await PackageVersion.findOne({ where: { version: "1" }, rejectOnEmpty: true });
  await api.services.objects.delete(
    packageKeys.version(row.packageId, row.id, row.artefactSha256!),
  );
  await row.update({ state: "removed", removedAt: new Date(), artefactKey: null });
  const patch = (path: string, json: object) =>
    api.call(ADMIN, "PATCH", `${PATH}/${id}${path}`, { json });
  return { api, id, bytes, patch };
}

const looks = async () =>
  (await OutboxEntry.findAll()).filter(({ command }) => command?.update === "keepVersions").length;

describe("retention", () => {
  test("is set per package, shown, audited, and the package's workflow hears of it once", async () => {
    const { patch } = await startWithRemoved();

    const answer = await patch("", { retained_versions: 3, grace_hours: 0.5 });
    await patch("", { retained_versions: 3 });
    await patch("", { description: "kept short" });

    expect(answer).toMatchObject({
      status: 200,
      body: { retained_versions: 3, grace_hours: 0.5, description: null },
    });
    expect(await looks()).toBe(1);
    expect((await AuditEntry.findAll({ where: { action: "packages.changed" } }))[0]).toMatchObject({
      before: { retained_versions: null, grace_hours: 24 },
      after: { retained_versions: 3, grace_hours: 0.5 },
    });
    expect((await patch("", { retained_versions: null })).body.retained_versions).toBeNull();
  });

  test("keeps one version at least", async () => {
    const { patch } = await startWithRemoved();

    for (const json of [
      { retained_versions: 0 },
      { retained_versions: 1.5 },
      { grace_hours: -1 },
    ]) {
      expect((await patch("", json)).status).toBe(422);
    }
  });

  test("leaves what is pinned; a pin shows, and cannot bring back what is gone", async () => {
    const { patch } = await startWithRemoved();

    const answer = await patch("/versions/2", { pinned: true });
    const refused = await patch("/versions/1", { pinned: true });

    expect(answer).toMatchObject({ status: 200, body: { pinned: true, description: null } });
    expect(refused).toMatchObject({ status: 409, body: { code: "packages/version-not-ready" } });
    expect(await looks()).toBe(1);
  });
});

describe("a version that retention has removed", () => {
  test("answers 410 at its address and says what to take instead; its place in the history stays", async () => {
    const { api, id } = await startWithRemoved();

    const answer = await fetch(new URL(`/dist/${id}/v/1/app.zip`, api.address));

    expect(answer.status).toBe(410);
    expect(await answer.json()).toMatchObject({
      code: "packages/version-removed",
      live_version: "2",
      detail: "Version 1 is not kept any more. Take version 2 instead.",
    });
    const { body } = await api.call(ADMIN, "GET", `${PATH}/${id}/versions`);
    expect(body.items).toMatchObject([
      { version: "2", status: "ready", removed_at: null },
      { version: "1", status: "removed", download_url: null },
    ]);
    expect(body.items[1].removed_at).toMatch(/^20/);
  });

  test("cannot be rolled back to, and the refusal says what to do", async () => {
    const { api, id } = await startWithRemoved();

    const answer = await api.call(ADMIN, "POST", `${PATH}/${id}/rollback`, {
      json: { version: "1" },
    });

    expect(answer).toMatchObject({ status: 409, body: { code: "packages/version-not-ready" } });
    expect(answer.body.detail).toMatch(/Rebuild it from its original/);
  });

  test("keeps its original, which can still be had", async () => {
    const { api, id, bytes } = await startWithRemoved();
    const path = `${PATH}/${id}/versions/1/original`;
    const expiresAt = Math.floor(Date.now() / 1000) + 60;
    const key = deriveKey(api.services.secretKey, "links");
    const signature = signLink(key, { method: "GET", path, expiresAt });

    const answer = await fetch(
      new URL(`${path}?expires=${expiresAt}&signature=${signature}`, api.address),
    );

    expect(answer.status).toBe(200);
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(bytes);
  });
});
