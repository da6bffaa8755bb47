import { NEWEST_FIRST, page } from "../../../models/paging.ts";
import {
  findingsOf,
  Package,
  PackageChannel,
  PackageVersion,
  rejectVersion as reject,
} from "../../../models/packages/index.ts";
import { findPackage, findVersion } from "../../policies/packages.ts";
import { route } from "../../route.ts";
import {
  Decision,
  ListQuery,
  presentVersion,
  QuarantineOut,
  VersionOf,
  VersionOut,
} from "../../schemas/packages.ts";
import { showVersion } from "./versions.ts";

export const listQuarantine = route({
  method: "get",
  path: "/api/v1/quarantine",
  summary: "List what the gate holds in all packages until a person decides, newest first",
  access: "packages:read",
  query: ListQuery,
  returns: [200, QuarantineOut],
  async handle({ query, services }) {
    const where = { verdict: "held" };
    const { items, next } = await page(PackageVersion, { where, order: NEWEST_FIRST, ...query });
    const owners = new Map(
      (await Package.findAll({ where: { id: items.map(({ packageId }) => packageId) } })).map(
        (owner) => [owner.id, owner],
      ),
    );
    const channels = await PackageChannel.findAll({ where: { packageId: [...owners.keys()] } });
    const live = new Set(channels.map(({ liveVersionId }) => liveVersionId));
    const findings = await findingsOf(items.map(({ id }) => id));
    const present = (row: PackageVersion) => {
      const owner = owners.get(row.packageId);
      // Its package was removed between two queries.
      if (!owner) return [];
      const about = { owner, isLive: live.has(row.id), findings };
      const shown = presentVersion(row, about, services.env.publicUrl);
      return [{ ...shown, package: { id: String(owner.serial), name: owner.name } }];
    };
    return { items: items.flatMap(present), next };
  },
});

export const rejectVersion = route({
  method: "post",
  path: "/api/v1/packages/:id/versions/:version/reject",
  summary: "Refuse a held version for ever: it is never published or fetched",
  access: "packages:administer",
  params: VersionOf,
  body: Decision,
  returns: [200, VersionOut],
  async handle(call) {
    const { services, params, body } = call;
    const owner = await findPackage(params.id);
    const version = await findVersion(owner, params.version);
    await reject(services.database, owner, { version, ...body }, call);
    await services.bus.announce({ type: "outbox.filled", data: {} });
    return showVersion(services, owner, params.version);
  },
});
