import { mayWith } from "../../../domain/accounts.ts";
import {
  findingsOf,
  PackageChannel,
  pageOfRuns,
  pageOfVersions,
  PackageStep,
  PackageVersion,
} from "../../../models/packages/index.ts";
import { followLog } from "../../log-stream.ts";
import { assertStanding } from "../../policies/accounts.ts";
import { findPackage, findRun, findVersion, listOfPackages } from "../../policies/packages.ts";
import { route } from "../../route.ts";
import {
  LogQuery,
  PackageId,
  PackageOut,
  PackagesOut,
  presentRunSummary,
  presentStep,
  presentVersion,
  RunId,
  RunOut,
  RunsOut,
  VersionsOut,
} from "../../schemas/packages.ts";
import { PackagesQuery, RunsQuery, VersionsQuery } from "../../schemas/packages/lists.ts";
import { runPath, showPackage, showPackages, temporalAddress } from "./answers.ts";

export const listPackages = route({
  method: "get",
  path: "/api/v1/packages",
  summary: "List packages, newest first; `name` may end in * for all that begin so",
  access: "packages:read",
  perPackage: true,
  query: PackagesQuery,
  returns: [200, PackagesOut],
  async handle(call) {
    const { after, limit, ...filters } = call.query;
    const { items, next } = await listOfPackages(call.actor, filters, { after, limit });
    return { items: await showPackages(call, items), next };
  },
});

export const readPackage = route({
  method: "get",
  path: "/api/v1/packages/:id",
  summary: "Show one package",
  access: "packages:read",
  perPackage: true,
  params: PackageId,
  returns: [200, PackageOut],
  handle: async (call) => showPackage(call, await findPackage(call)),
});

export const listVersions = route({
  method: "get",
  path: "/api/v1/packages/:id/versions",
  summary: "List a package's versions, newest first",
  access: "packages:read",
  perPackage: true,
  params: PackageId,
  query: VersionsQuery,
  returns: [200, VersionsOut],
  async handle(call) {
    const owner = await findPackage(call);
    const { after, limit, status: state, draft: isDraft, yanked: isYanked, ...more } = call.query;
    const filters = { state, isDraft, isYanked, ...more };
    const { items, next } = await pageOfVersions(owner.id, filters, { after, limit });
    const shown = await PackageChannel.findAll({ where: { packageId: owner.id } });
    const live = new Set(shown.map(({ liveVersionId }) => liveVersionId));
    const findings = await findingsOf(items.map(({ id }) => id));
    const present = (row: PackageVersion) =>
      presentVersion(
        row,
        { owner, isLive: live.has(row.id), findings },
        call.services.env.publicUrl,
      );
    return { items: items.map(present), next };
  },
});

export const listRuns = route({
  method: "get",
  path: "/api/v1/packages/:id/runs",
  summary: "List a package's history: every upload and rollback, newest first",
  access: "packages:read",
  perPackage: true,
  params: PackageId,
  query: RunsQuery,
  returns: [200, RunsOut],
  async handle(call) {
    const owner = await findPackage(call);
    const { after, limit, status: state, version, ...more } = call.query;
    const versionId = version && (await findVersion(owner, version)).id;
    const filters = { state, versionId, ...more };
    const { items, next } = await pageOfRuns(owner.id, filters, { after, limit });
    const versions = await PackageVersion.findAll({
      where: { id: items.map(({ versionId }) => versionId) },
      attributes: ["id", "version"],
    });
    const names = new Map(versions.map(({ id, version }) => [id, version]));
    return { items: items.map((run) => presentRunSummary(run, names.get(run.versionId)!)), next };
  },
});

export const readRun = route({
  method: "get",
  path: "/api/v1/packages/:id/runs/:run",
  summary: "Show one run with its steps",
  access: "packages:read",
  perPackage: true,
  params: RunId,
  returns: [200, RunOut],
  async handle(call) {
    const { actor, params, services } = call;
    const owner = await findPackage(call);
    const run = await findRun(owner, params.run);
    const version = await PackageVersion.findByPk(run.versionId, { rejectOnEmpty: true });
    const steps = await PackageStep.findAll({
      where: { runId: run.id },
      order: [["position", "ASC"]],
    });
    return {
      ...presentRunSummary(run, version.version),
      steps: steps.map(presentStep),
      log_url: `${services.env.publicUrl}${runPath(owner, run)}/log`,
      temporal_url: mayWith(actor, "packages:administer", owner.id)
        ? temporalAddress(services, owner, run)
        : null,
    };
  },
});

export const readRunLog = route({
  method: "get",
  path: "/api/v1/packages/:id/runs/:run/log",
  summary: "Read a run's log from byte `after` on; with `follow`, as it grows, until the run ends",
  access: "packages:read",
  perPackage: true,
  params: RunId,
  query: LogQuery,
  returns: "text",
  async handle(call) {
    const { params, query, services, signal, access } = call;
    const run = await findRun(await findPackage(call), params.run);
    const assertReader = async () => {
      const actor = await assertStanding(services, call.actor);
      await findPackage({ actor, access, params });
    };
    return followLog(services, run.id, { ...query, assertReader, signal });
  },
});
