import { createHash, randomUUID } from "node:crypto";
import { makeZip } from "../../scripts/demo/sample-package.ts";
import { fixedPath, packageKeys } from "../../domain/packages.ts";
import {
  keepStatus,
  Package,
  PackageChannel,
  PackageRun,
  PackageVersion,
} from "../../models/packages/index.ts";
import { buffer } from "node:stream/consumers";
import { ZipFile } from "yazl";
import { inTransaction } from "../../models/database.ts";
import { OutboxEntry, StagedObject } from "../../models/operations.ts";
import type { Services } from "../../api/services.ts";
import { ADMIN } from "./actors.ts";
import type { Answer, StartedApi } from "./api.ts";

export function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** A ZIP archive with these entries. */
export async function zipOf(entries: Record<string, Uint8Array | string>): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, content] of Object.entries(entries))
    zip.addBuffer(Buffer.from(content as string), name);
  zip.end();
  return buffer(zip.outputStream);
}

/** The form of an upload; what is not given is made up. */
export function uploadForm(
  fields: Record<string, string>,
  file?: { bytes: Uint8Array; name?: string },
): FormData {
  const form = new FormData();
  if (file) form.set("file", new Blob([new Uint8Array(file.bytes)]), file.name ?? "app.zip");
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  return form;
}

/** Uploads a new package through the API; `bytes` is a small ZIP when not given. */
export async function uploadPackage(
  api: StartedApi,
  given: { name?: string; version?: string; bytes?: Buffer; fileName?: string } = {},
): Promise<Answer & { bytes: Buffer }> {
  const bytes = given.bytes ?? (await makeZip(1000)).bytes;
  const name = given.name ?? `Package ${randomUUID()}`;
  const file = { bytes, name: given.fileName ?? "app.zip" };
  const form = uploadForm({ name, version: given.version ?? "1.0.0" }, file);
  const answer = await api.call(ADMIN, "POST", "/api/v1/packages", { form });
  return { ...answer, bytes };
}

/** Does by hand what the build does: the version's published form is kept. */
export async function makeReady(
  { services }: Pick<StartedApi, "services">,
  which: { id: string } | { version: string },
) {
  const row = await PackageVersion.findOne({ where: which, rejectOnEmpty: true });
  const { originalKey, originalSha256: sha256, originalBytes } = row;
  const key = packageKeys.version(row.packageId, row.id, sha256);
  await services.objects.copy(originalKey, key);
  await inTransaction(services.database, async (transaction) => {
    const artefact = { artefactKey: key, artefactBytes: originalBytes, artefactSha256: sha256 };
    await row.update({ state: "ready", verdict: "clear", ...artefact }, { transaction });
  });
  return { row, key, sha256 };
}

/** Does by hand what worker and workflow do: the version's bytes are kept and shown by its channel's link. */
export async function publishByHand(
  { services }: Pick<StartedApi, "services">,
  serial: string,
  version: string,
): Promise<{ path: string; bytes: Buffer }> {
  const owner = await Package.findOne({ where: { serial: Number(serial) }, rejectOnEmpty: true });
  const where = { packageId: owner.id, version };
  const { id: versionId } = await PackageVersion.findOne({ where, rejectOnEmpty: true });
  const run = await PackageRun.findOne({ where: { versionId }, rejectOnEmpty: true });
  const { row, key, sha256 } = await makeReady({ services }, { id: versionId });
  const { number } = run;
  await services.objects.copy(row.originalKey, packageKeys.live(owner.id, row.channel), {
    metadata: { sha256, version, number: String(number), "file-name": row.fileName },
  });
  await inTransaction(services.database, async (transaction) => {
    await PackageChannel.update(
      { liveVersionId: row.id, liveNumber: number, publishingNumber: number },
      { where: { packageId: owner.id, name: row.channel }, transaction },
    );
    await run.update({ state: "succeeded" }, { transaction });
    await keepStatus(owner.id, transaction);
  });
  return {
    path: fixedPath(serial, row.channel, owner.type),
    bytes: await bytesOf(services, key),
  };
}

/** A picture of one point. */
export const ICON = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

/** Does by hand what the metadata step does for a version's icon. */
export async function giveIcon(
  { services }: Pick<StartedApi, "services">,
  version: string,
  more: Record<string, unknown> = {},
): Promise<void> {
  const row = await PackageVersion.findOne({ where: { version }, rejectOnEmpty: true });
  const contentType = "image/png";
  const key = packageKeys.icon(row.packageId, row.id, digestOf(ICON));
  const written = await services.objects.put(key, ICON, { contentType });
  const icon = { content_type: contentType, ...written };
  await inTransaction(services.database, (transaction) =>
    row.update({ facts: { ...row.facts, icon, ...more } }, { transaction }),
  );
}

async function bytesOf({ objects }: Services, key: string): Promise<Buffer> {
  const object = await objects.open(key);
  try {
    return await buffer(await object!.read());
  } finally {
    await object!.close();
  }
}

/** What is kept after a refusal must be nothing. */
export async function kept({ services }: StartedApi) {
  const objects: string[] = [];
  for await (const { key } of services.objects.list("")) objects.push(key);
  return {
    objects,
    packages: await Package.count(),
    versions: await PackageVersion.count(),
    runs: await PackageRun.count(),
    staged: await StagedObject.count(),
    orders: await OutboxEntry.count(),
  };
}

/** Nothing is kept. */
export const NOTHING = { objects: [], packages: 0, versions: 0, runs: 0, staged: 0, orders: 0 };
