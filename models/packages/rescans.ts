import { QueryTypes } from "sequelize";
import { refusal } from "../../domain/errors.ts";
import { workflowId } from "../../domain/ids.ts";
import { decidedAgainst } from "../../domain/packages.ts";
import { type Database, inTransaction } from "../database.ts";
import { enqueue } from "../operations.ts";
import { artefactOf, firstBuild, type KeptObject } from "./artefacts.ts";
import { type Asker, auditPackage, holdPackage } from "./orders.ts";
import { Package, PackageVersion } from "./tables.ts";

/** What can be fetched and was not scanned with these signatures: a version, and the objects that its doors show. */
export interface Unscanned {
  packageId: string;
  versionId: string;
  title: string;
  type: Package["type"];
  objects: KeptObject[];
}

const SHOWN =
  "v.state = 'ready' AND v.verdict = 'clear' AND v.yanked_at IS NULL AND v.is_draft = 0";
const NOT_SEEN = `NOT EXISTS (SELECT 1 FROM package_scans s WHERE s.version_id = v.id
  AND s.sha256 = v.artefact_sha256 AND s.signatures = :signatures)`;
const IS_LIVE = `EXISTS (SELECT 1 FROM package_channels c WHERE c.package_id = v.package_id
  AND c.live_version_id = v.id)`;

/** Versions to be scanned with these signatures, at most `limit`: what links show comes first. */
export async function findUnscanned(
  { sequelize }: Database,
  signatures: string,
  { limit, after }: { limit: number; after: string[] },
): Promise<Unscanned[]> {
  const rows = await sequelize.query<{ id: string }>(
    `SELECT v.id FROM package_versions v WHERE ${SHOWN} AND ${NOT_SEEN}
     ${after.length > 0 ? "AND v.id NOT IN (:after)" : ""}
     ORDER BY ${IS_LIVE} DESC, v.id LIMIT ${limit}`,
    { type: QueryTypes.SELECT, replacements: { signatures, after } },
  );
  const found = await Promise.all(rows.map(({ id }) => findShown(id)));
  return found.filter((one) => one !== undefined);
}

/** What the doors of a version show; undefined when it shows nothing. */
export async function findShown(versionId: string): Promise<Unscanned | undefined> {
  const version = await PackageVersion.findByPk(versionId);
  const owner = version && (await Package.findByPk(version.packageId));
  if (!version || !owner || owner.deletedAt) return undefined;
  // The newest build comes last: when that was scanned, all were.
  const shown = [firstBuild(version), artefactOf(version)].filter((one) => one !== undefined);
  const objects = [...new Map(shown.map((object) => [object.sha256, object])).values()];
  const title = `${owner.name} ${version.version}`;
  return { packageId: owner.id, versionId, title, type: owner.type, objects };
}

/** Accepts that what a version shows is scanned at once, whatever has scanned it before. */
export async function acceptRescan(
  database: Database,
  owner: Package,
  { id, version }: PackageVersion,
  asker: Asker,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await holdPackage(owner, transaction);
    const row = await PackageVersion.findByPk(id, { transaction, rejectOnEmpty: true });
    const refused = decidedAgainst(row);
    if (refused) throw refused;
    if (row.verdict !== "clear" || row.state !== "ready") {
      const advice = `Version ${version} is ${row.state}. Its own build scans it.`;
      throw refusal("packages/version-not-ready", advice);
    }
    const { actor, requestId } = asker;
    await enqueue(
      {
        id: requestId,
        workflow: "packageRescan",
        workflowId: workflowId("package", owner.id, "rescan", id),
        input: [id],
        command: null,
        summary: `Scan ${owner.name} ${version} again`,
        kind: "sweep",
        subject: String(owner.serial),
        headers: { accountId: actor.accountId, actorName: actor.name, requestId },
      },
      transaction,
    );
    await auditPackage(
      "packages.rescan-ordered",
      owner,
      { after: { version } },
      asker,
      transaction,
    );
  });
}
