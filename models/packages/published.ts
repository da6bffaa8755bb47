import { STABLE } from "../../domain/packages.ts";
import type { PackageType, VersionFlags } from "../../domain/packages.ts";
import type { Database } from "../database.ts";

/** A package with the version that its stable link shows. */
export interface Published {
  owner: { id: string; serial: number; name: string; type: PackageType; isDistributing: boolean };
  version: VersionFlags & { artefactBytes: number; artefactSha256: string };
}

/** By what clients know a package. */
export type Which = { serial: number } | { name: string };

/** What stable's link of a package shows, in one question; undefined when there is nothing, or nothing that was built. */
export async function findPublished(
  database: Database,
  which: Which,
): Promise<Published | undefined> {
  const [column, value] = Object.entries(which)[0] as ["serial" | "name", string | number];
  const [row] = await database.ask<PublishedRow>(QUESTIONS[column], [value]);
  if (!row) return undefined;
  const { id, serial, name, type, version, state, verdict } = row;
  const yankedAt = row.yanked_at === null ? null : new Date(row.yanked_at);
  return {
    owner: { id, serial, name, type, isDistributing: row.is_distributing === 1 },
    version: {
      version,
      state,
      verdict,
      isDraft: row.is_draft === 1,
      yankedAt,
      yankReason: row.yank_reason,
      artefactBytes: row.artefact_bytes,
      artefactSha256: row.artefact_sha256,
    },
  };
}

const questionBy = (column: string) =>
  `SELECT p.id, p.serial, p.name, p.type, p.is_distributing,
     v.version, v.state, v.is_draft, v.verdict, v.yanked_at, v.yank_reason, v.artefact_bytes, v.artefact_sha256
   FROM packages p
   JOIN package_channels c ON c.package_id = p.id AND c.name = '${STABLE}'
   JOIN package_versions v ON v.id = c.live_version_id
   WHERE p.${column} = ? AND p.deleted_at IS NULL AND v.artefact_sha256 IS NOT NULL`;

const QUESTIONS = { serial: questionBy("serial"), name: questionBy("name") };

interface PublishedRow {
  id: string;
  serial: number;
  name: string;
  type: PackageType;
  is_distributing: number;
  version: string;
  state: VersionFlags["state"];
  is_draft: number;
  verdict: VersionFlags["verdict"];
  yanked_at: string | Date | null;
  yank_reason: string | null;
  artefact_bytes: number;
  artefact_sha256: string;
}
