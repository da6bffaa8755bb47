import type { z } from "zod";
import { type Actor, mayWith } from "../../../domain/accounts.ts";
import { refusal } from "../../../domain/errors.ts";
import { fixedPath, STABLE } from "../../../domain/packages.ts";
import type { Package, PackageVersion } from "../../../models/packages/index.ts";
import {
  assertOpen,
  fallbackOf,
  findLive,
  findOpenRelease,
  findPackageBy,
} from "../../policies/packages.ts";
import { route } from "../../route.ts";
import { PackageAnswer, PackageQuestion } from "../../schemas/packages.ts";
import type { Services } from "../../services.ts";
import { originalAddress, showPackage } from "./answers.ts";

export const queryPackage = route({
  method: "get",
  path: "/api/v1/package/query",
  summary: "Ask for a package by id or name, as clients do",
  access: "packages:query",
  perPackage: true,
  door: true,
  hot: true,
  credential: "api-key",
  dialect: "coded",
  query: PackageQuestion,
  returns: [200, PackageAnswer],
  async handle(call) {
    const { package_id: id, package_name: name, channel } = call.query;
    if (!id && !name) {
      throw refusal("packages/which-one", "Either package_id or package_name must be provided");
    }
    const which = id ? { serial: Number(id) } : { name: name! };
    // What apps ask all the time, and nearly always with this outcome; everything else is looked into step by step.
    const release = channel === STABLE && (await findOpenRelease(call, which));
    if (release) return presentAnswer(call, release.owner, release.version, channel);

    const row = await findPackageBy(call, which);
    const shown = await showPackage(call, row);
    if (shown.status === "processed_failed") {
      throw refusal("packages/processing-failed", "包处理失败，暂无可用下载链接");
    }
    const live = await findLive(row, channel);
    if (!live) throw refusal("packages/not-distributing", "Package distribution is disabled");
    const served = (await fallbackOf(live)) ?? live;
    await assertOpen(row, served);
    return presentAnswer(call, row, served, channel);
  },
});

/** What an app is told about the version that a channel's link shows. */
function presentAnswer(
  { actor, services }: { actor: Actor; services: Services },
  owner: Pick<Package, "id" | "serial" | "name" | "type">,
  shown: Pick<PackageVersion, "version" | "artefactBytes" | "artefactSha256">,
  channel: string,
): z.input<typeof PackageAnswer> {
  const { version, artefactBytes, artefactSha256 } = shown;
  const serial = String(owner.serial);
  return {
    package_id: serial,
    package_name: owner.name,
    package_type: owner.type,
    version,
    status: "processed_success",
    download_url: services.env.publicUrl + fixedPath(serial, channel, owner.type),
    original_download_url: mayWith(actor, "packages:original", owner.id)
      ? originalAddress(services, owner, shown)
      : null,
    file_size: artefactBytes!,
    sha256: artefactSha256!,
    original_package_version: version,
    expire_time: "",
  };
}
