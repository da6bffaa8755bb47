import {
  acceptRelease,
  acceptRescan,
  findingsOf,
  PackageChannel,
  rejectVersion as reject,
} from "../../../models/packages/index.ts";
import { newId } from "../../../platform/crypto.ts";
import { findPackage, findVersion, listOfHeld } from "../../policies/packages.ts";
import { route } from "../../route.ts";
import { PageQuery } from "../../schemas/accounts.ts";
import {
  AcceptedOut,
  Decision,
  presentVersion,
  QuarantineOut,
  RescanOut,
  VersionOf,
  VersionOut,
} from "../../schemas/packages.ts";
import { answerToldOf, showVersion } from "./versions.ts";

export const listQuarantine = route({
  method: "get",
  path: "/api/v1/quarantine",
  summary: "List what the gate holds in all packages until a person decides, newest first",
  access: "packages:read",
  perPackage: true,
  query: PageQuery,
  returns: [200, QuarantineOut],
  async handle({ actor, query, services }) {
    const { items, next } = await listOfHeld(actor, query);
    const findings = await findingsOf(items.map(({ version }) => version.id));
    const packageId = items.map(({ owner }) => owner.id);
    const channels = await PackageChannel.findAll({ where: { packageId } });
    const live = new Set(channels.map(({ liveVersionId }) => liveVersionId));
    const present = ({ version, owner }: (typeof items)[number]) => ({
      ...presentVersion(
        version,
        { owner, isLive: live.has(version.id), findings },
        services.env.publicUrl,
      ),
      package: { id: String(owner.serial), name: owner.name },
    });
    return { items: items.map(present), next };
  },
});

export const releaseVersion = route({
  method: "post",
  path: "/api/v1/packages/:id/versions/:version/release",
  summary: "Approve what was found in a held version: its build goes on, and it is published",
  access: "packages:administer",
  perPackage: true,
  params: VersionOf,
  body: Decision,
  returns: [202, AcceptedOut],
  async handle(call) {
    const { services, params, body } = call;
    const owner = await findPackage(call);
    const version = await findVersion(owner, params.version);
    const runId = newId();
    const release = { runId, version, ...body, fourEyes: services.env.FOUR_EYES };
    await acceptRelease(services.database, owner, release, call);
    return answerToldOf(call, owner, runId);
  },
});

export const rejectVersion = route({
  method: "post",
  path: "/api/v1/packages/:id/versions/:version/reject",
  summary: "Refuse a held version for ever: it is never published or fetched",
  access: "packages:administer",
  perPackage: true,
  params: VersionOf,
  body: Decision,
  returns: [200, VersionOut],
  async handle(call) {
    const { services, params, body } = call;
    const owner = await findPackage(call);
    const version = await findVersion(owner, params.version);
    await reject(services.database, owner, { version, ...body }, call);
    await services.bus.announce({ type: "outbox.filled", data: {} });
    return showVersion(services, owner, params.version);
  },
});

export const rescanVersion = route({
  method: "post",
  path: "/api/v1/packages/:id/versions/:version/rescan",
  summary: "Scan what a version shows at once; a hit withdraws it",
  access: "packages:administer",
  perPackage: true,
  params: VersionOf,
  returns: [202, RescanOut],
  async handle(call) {
    const { services, params } = call;
    const owner = await findPackage(call);
    const version = await findVersion(owner, params.version);
    await acceptRescan(services.database, owner, version, call);
    await services.bus.announce({ type: "outbox.filled", data: {} });
    return { package: params.id, version: version.version, status: "scanning" as const };
  },
});
