import { type RefusalCode, refusal, refusalIn } from "../../../domain/errors.ts";
import { isFinal, linkPaths, RUN_STATES } from "../../../domain/packages.ts";
import {
  acceptRollback,
  type Package,
  PackageRun,
  PackageVersion,
} from "../../../models/packages/index.ts";
import { newId } from "../../../platform/crypto.ts";
import { findLive, findPackage, findVersion } from "../../policies/packages.ts";
import { Forecast, route } from "../../route.ts";
import {
  AcceptedOut,
  PackageId,
  presentRunSummary,
  Rollback,
  RollbackForecast,
} from "../../schemas/packages.ts";
import type { Services } from "../../services.ts";
import { answerToldOf, assertPublishable } from "./versions.ts";

export const rollBackPackage = route({
  method: "post",
  path: "/api/v1/packages/:id/rollback",
  summary: "Let the link show an earlier version again; with `dry_run`, say what would happen",
  access: "packages:publish",
  perPackage: true,
  params: PackageId,
  body: Rollback,
  returns: [202, AcceptedOut, [200, RollbackForecast]],
  async handle(call) {
    const { services, body } = call;
    const owner = await findPackage(call);
    const version = await findVersion(owner, body.version);
    if (body.dry_run) return new Forecast(await forecast(services, owner, version));
    assertShowable(version);
    const runId = newId();
    await acceptRollback(services.database, owner, { runId, version }, call);
    return answerToldOf(call, owner, runId);
  },
});

/** Refuses what the link cannot be rolled back to. */
function assertShowable(version: PackageVersion): void {
  assertPublishable(version);
  if (!version.isDraft) return;
  const advice = `Version ${version.version} is a draft. Publish it.`;
  throw refusal("packages/version-not-ready", advice);
}

/** What a rollback would do now: nothing is written, and no number is taken. */
async function forecast({ env, objects }: Services, owner: Package, version: PackageVersion) {
  const { channel, artefactKey, artefactBytes } = version;
  const live = await findLive(owner, channel);
  const kept = artefactKey ? await objects.head(artefactKey) : undefined;
  const refused = refusalOf(() => assertShowable(version));
  const isKept = kept !== undefined && kept.bytes === artefactBytes;
  const paths = linkPaths(String(owner.serial), channel, owner.type);
  return {
    dry_run: true as const,
    channel,
    from: live ? told(live) : null,
    to: told(version),
    passes: refused === null && isKept,
    refusal: refused,
    kept: isKept,
    purges: paths.map((path) => env.publicUrl + path),
    ...(await underWay(owner, channel)),
  };
}

/** The runs that have their turn before a rollback that is ordered now, and those whose time comes later. */
async function underWay(owner: Package, channel: string) {
  const state = RUN_STATES.filter((one) => !isFinal(one));
  const runs = await PackageRun.findAll({
    where: { packageId: owner.id, channel, state },
    order: [
      ["number", "ASC"],
      ["publishAt", "ASC"],
    ],
  });
  const versions = await PackageVersion.findAll({
    where: { id: runs.map(({ versionId }) => versionId) },
    attributes: ["id", "version"],
  });
  const names = new Map(versions.map(({ id, version }) => [id, version]));
  const present = (some: PackageRun[]) =>
    some.map((run) => presentRunSummary(run, names.get(run.versionId)!));
  return {
    before: present(runs.filter(({ number }) => number > 0)),
    after: present(runs.filter(({ number, publishAt }) => number === 0 && publishAt !== null)),
  };
}

function told({ version, artefactSha256: sha256, artefactBytes: bytes }: PackageVersion) {
  return { version, sha256, bytes };
}

function refusalOf(check: () => void): { code: RefusalCode; message: string } | null {
  try {
    check();
    return null;
  } catch (error) {
    const refused = refusalIn(error);
    if (!refused) throw error;
    return { code: refused.code, message: refused.message };
  }
}
