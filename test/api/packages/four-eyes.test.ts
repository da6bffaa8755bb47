import { describe, expect, test } from "vitest";
import type { Actor } from "../../../domain/accounts.ts";
import { inTransaction } from "../../../models/database.ts";
import { AuditEntry } from "../../../models/operations.ts";
import { PackageVersion } from "../../../models/packages/index.ts";
import { newId } from "../../../platform/crypto.ts";
import { ADMIN, type ApiGiven, startApi, type StartedApi } from "../../support/api.ts";
import {
  makeReady,
  publishByHand,
  uploadForm,
  uploadPackage,
  zipOf,
} from "../../support/packages.ts";

const OTHER: Actor = { ...ADMIN, accountId: newId(), name: "other" };
const OWN = { status: 403, body: { code: "packages/own-version" } };

/** A package that demands two people, with a first version that is live. */
async function startDemanding(given: ApiGiven = {}) {
  const api = await startApi(given);
  const { id } = (await uploadPackage(api)).body;
  await publishByHand(api, id, "1.0.0");
  const path = `/api/v1/packages/${id}`;
  await api.call(ADMIN, "PATCH", path, { json: { requires_approval: true } });
  return { api, path };
}

async function upload(api: StartedApi, path: string, version: string, actor = ADMIN) {
  const form = uploadForm({ version }, { bytes: await zipOf({ a: version }) });
  const answer = await api.call(actor, "POST", `${path}/versions`, { form });
  expect(answer.status).toBe(202);
}

const hold = ({ services }: StartedApi, version: string) =>
  inTransaction(services.database, (transaction) =>
    PackageVersion.update({ verdict: "held" }, { where: { version }, transaction }),
  );

describe("where a package demands two people", () => {
  test("what is uploaded waits as a draft, and only somebody else publishes it", async () => {
    const { api, path } = await startDemanding();
    await upload(api, path, "2.0.0");
    await makeReady(api, { version: "2.0.0" });
    const publish = (actor: Actor, json: object = {}) =>
      api.call(actor, "POST", `${path}/versions/2.0.0/publish`, { json });

    expect((await PackageVersion.findOne({ where: { version: "2.0.0" } }))!.isDraft).toBe(true);
    expect(await publish(ADMIN)).toMatchObject(OWN);
    expect(await publish(ADMIN, { at: "2099-01-01T00:00:00Z" })).toMatchObject({ status: 422 });
    const soon = new Date(Date.now() + 60_000).toISOString();
    expect(await publish(ADMIN, { at: soon })).toMatchObject(OWN);
    expect(await publish(OTHER)).toMatchObject({ status: 202 });
    expect(
      await AuditEntry.findOne({ where: { action: "packages.draft-published" } }),
    ).toMatchObject({ actorName: "other" });
  });

  test("whoever uploads by a key is still the same person", async () => {
    const { api, path } = await startDemanding();
    await upload(api, path, "2.0.0", { ...ADMIN, name: "key", keyId: newId() });
    await makeReady(api, { version: "2.0.0" });

    const published = await api.call(ADMIN, "POST", `${path}/versions/2.0.0/publish`, { json: {} });

    expect(published).toMatchObject(OWN);
  });

  test("only somebody else releases what the gate holds", async () => {
    const { api, path } = await startDemanding();
    await upload(api, path, "2.0.0");
    await makeReady(api, { version: "2.0.0" });
    await hold(api, "2.0.0");
    const release = (actor: Actor) =>
      api.call(actor, "POST", `${path}/versions/2.0.0/release`, { json: { reason: "harmless" } });

    expect(await release(ADMIN)).toMatchObject(OWN);
    expect((await release(OTHER)).body.code).not.toBe("packages/own-version");
  });

  test("nobody brings out what they have uploaded as another version, built again", async () => {
    const { api, path } = await startDemanding();
    await upload(api, path, "2.0.0");
    const { sha256 } = await makeReady(api, { version: "2.0.0" });
    const rebuild = (actor: Actor, json: object) =>
      api.call(actor, "POST", `${path}/runs`, { json: { version: "1.0.0", ...json } });

    expect(await rebuild(ADMIN, { input: sha256 })).toMatchObject(OWN);
    expect((await rebuild(ADMIN, {})).status).toBe(202);
    expect((await rebuild(OTHER, { input: sha256 })).status).toBe(202);
  });

  test("only who administers the package says whether it does, and the audit tells", async () => {
    const { api, path } = await startDemanding();
    const publisher: Actor = { ...OTHER, permissions: ["packages:read", "packages:publish"] };
    const change = (actor: Actor) =>
      api.call(actor, "PATCH", path, { json: { requires_approval: false } });

    expect(await change(publisher)).toMatchObject({
      status: 403,
      body: { code: "accounts/not-allowed" },
    });
    expect(await change(OTHER)).toMatchObject({ status: 200, body: { requires_approval: false } });
    const [, last] = await AuditEntry.findAll({ where: { action: "packages.changed" } });
    expect(last).toMatchObject({
      before: { requires_approval: true },
      after: { requires_approval: false },
    });
  });
});

describe("where the platform demands two people", () => {
  test("every package does, whatever it says, from its first version on", async () => {
    const api = await startApi({ env: { FOUR_EYES: "on" } });
    const { id } = (await uploadPackage(api)).body;
    const path = `/api/v1/packages/${id}`;
    await makeReady(api, { version: "1.0.0" });
    const publish = (actor: Actor) =>
      api.call(actor, "POST", `${path}/versions/1.0.0/publish`, { json: {} });

    expect((await PackageVersion.findOne())!.isDraft).toBe(true);
    expect(await publish(ADMIN)).toMatchObject(OWN);
    expect((await publish(OTHER)).status).toBe(202);
  });
});

test("where nobody demands it, one's own upload goes out by itself", async () => {
  const api = await startApi();
  const { id } = (await uploadPackage(api)).body;

  const { body } = await api.call(ADMIN, "GET", `/api/v1/packages/${id}`);

  expect(body.requires_approval).toBe(false);
  expect((await PackageVersion.findOne())!.isDraft).toBe(false);
});
