import { Op, type Transaction } from "sequelize";
import { PackageRun, PackageVersion } from "./tables.ts";

/** An object and what must be true of it. */
export interface KeptObject {
  key: string;
  bytes: number;
  sha256: string;
}

/**
 * Keeps what a run has built. A version that was not built yet, and a draft, which nobody relies on, becomes it at
 * once; one that clients may know stays as it is until the run's own publication has succeeded.
 */
export async function keepArtefact(
  { runId, versionId }: { runId: string; versionId: string },
  artefact: KeptObject,
  transaction: Transaction,
): Promise<void> {
  const fields = artefactFields(artefact);
  await PackageRun.update(fields, { where: { id: runId }, transaction });
  const unknown = { [Op.or]: [{ state: "processing" }, { state: "ready", isDraft: true }] };
  await PackageVersion.update(
    { ...fields, state: "ready" },
    { where: { id: versionId, ...unknown }, transaction },
  );
}

/** Records that a version's link shows this build of it; its first one keeps the version's own address. */
export async function adoptArtefact(
  versionId: string,
  artefact: KeptObject,
  transaction: Transaction,
): Promise<void> {
  const version = await PackageVersion.findByPk(versionId, { transaction, rejectOnEmpty: true });
  if (version.artefactKey === artefact.key) return;
  const { key, bytes, sha256 } = firstBuild(version) ?? artefact;
  const first = {
    firstArtefactKey: key,
    firstArtefactBytes: bytes,
    firstArtefactSha256: sha256,
  };
  await version.update({ ...artefactFields(artefact), ...first }, { transaction });
}

/** What a row has built; undefined when it has not. */
export function artefactOf({
  artefactKey: key,
  artefactBytes: bytes,
  artefactSha256: sha256,
}: PackageRun | PackageVersion): KeptObject | undefined {
  return key && bytes !== null && sha256 ? { key, bytes, sha256 } : undefined;
}

/** Whether nothing needs what a run has built: no version shows it, and no other run has built the same. */
export async function isSpare({ id, packageId, artefactKey }: PackageRun): Promise<boolean> {
  if (artefactKey === null) return false;
  const shown = { packageId, [Op.or]: [{ artefactKey }, { firstArtefactKey: artefactKey }] };
  const built = { packageId, artefactKey, id: { [Op.ne]: id } };
  const uses = [
    await PackageVersion.count({ where: shown }),
    await PackageRun.count({ where: built }),
  ];
  return uses.every((count) => count === 0);
}

/** What a version's own address shows for ever: its first build. */
export function firstBuild(version: PackageVersion): KeptObject | undefined {
  const { firstArtefactKey: key, firstArtefactBytes: bytes, firstArtefactSha256: sha256 } = version;
  return key && bytes !== null && sha256 ? { key, bytes, sha256 } : artefactOf(version);
}

function artefactFields({ key, bytes, sha256 }: KeptObject) {
  return { artefactKey: key, artefactBytes: bytes, artefactSha256: sha256 };
}
