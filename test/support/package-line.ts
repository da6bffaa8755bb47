import { STABLE } from "../../domain/packages.ts";
import { type Database, inTransaction } from "../../models/database.ts";
import { stageObject } from "../../models/operations.ts";
import {
  acceptPackage,
  acceptVersion,
  clearVersion,
  keepArtefact,
  moveRun,
  Package,
  PackageRun,
  PackageVersion,
  recordLiveVersion,
} from "../../models/packages/index.ts";
import { newId } from "../../platform/crypto.ts";
import { ADMIN } from "./api.ts";

/** Who asks for everything here. */
export const asker = { actor: ADMIN, address: "127.0.0.1", requestId: "r" };

/** A package with the versions 1, 2, 3, …, each of which was live once; the last one is. */
export async function openLine(database: Database, count: number) {
  const packageId = newId();
  const accept = async (version: string) => {
    const ids = { packageId, versionId: newId(), runId: newId() };
    const key = `packages/${packageId}/originals/${ids.versionId}`;
    await stageObject(database, key);
    const facts = { type: "zip", fileName: "a.zip", version, description: null } as const;
    const bytes = { key, bytes: 3, sha256: "0".repeat(64) };
    const original = { ...ids, ...facts, ...bytes, channel: STABLE, isDraft: false };
    const owner = await Package.findByPk(packageId);
    if (owner) await acceptVersion(database, owner, original, asker);
    else await acceptPackage(database, `App ${packageId}`, original, asker);
    await inTransaction(database, async (transaction) => {
      await keepArtefact(ids, { ...bytes, key: `${key}/built` }, transaction);
      await clearVersion(ids.versionId, transaction);
    });
    return ids;
  };
  const finish = async (runId: string) => {
    const { number, versionId } = await PackageRun.findByPk(runId, { rejectOnEmpty: true });
    await inTransaction(database, async (transaction) => {
      await recordLiveVersion(packageId, STABLE, { number, versionId }, transaction);
      await moveRun(runId, "running", {}, transaction);
      await moveRun(runId, "succeeded", { endedAt: new Date() }, transaction);
    });
  };
  for (let version = 1; version <= count; version++) {
    const { runId } = await accept(`${version}`);
    await finish(runId);
  }
  const owner = await Package.findByPk(packageId, { rejectOnEmpty: true });
  const versionOf = (version: string) =>
    PackageVersion.findOne({ where: { packageId, version }, rejectOnEmpty: true });
  return { packageId, owner, accept, finish, versionOf };
}
