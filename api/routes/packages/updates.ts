import { fixedPath, versionPath } from "../../../domain/packages.ts";
import { publishedAt } from "../../../models/packages/index.ts";
import { tagOf } from "../../preconditions.ts";
import { findPackage, findServed } from "../../policies/packages.ts";
import { route } from "../../route.ts";
import { UpdateOut, UpdateQuestion } from "../../schemas/packages/updates.ts";

/** Clients ask often: proxies and edges may answer for a minute. */
const A_MINUTE = "public, max-age=60";

export const checkUpdate = route({
  method: "get",
  path: "/update/:id/:channel/:version",
  summary: "Ask whether a channel's link shows another version: 204 when it shows this one",
  access: "public",
  unlimited: true,
  door: true,
  params: UpdateQuestion,
  returns: [200, UpdateOut, "nothing"],
  async handle(call) {
    const { params, services, header } = call;
    const owner = await findPackage(call);
    const served = await findServed(owner, params.channel);
    header("Cache-Control", A_MINUTE);
    if (served.version === params.version) return null;
    const { publicUrl } = services.env;
    const published = (await publishedAt(served))?.toISOString() ?? null;
    const path = versionPath(params.id, served.version, served.fileName);
    const update = {
      version: served.version,
      url: publicUrl + fixedPath(params.id, params.channel, owner.type),
      version_url: publicUrl + path,
      sha256: served.artefactSha256!,
      bytes: served.artefactBytes!,
      notes: served.description,
      published_at: published,
      name: served.version,
      pub_date: published,
    };
    header("ETag", tagOf(JSON.stringify(update)));
    return update;
  },
});
