import { refusal } from "../../../domain/errors.ts";
import {
  channelInLink,
  linkPaths,
  notPublished,
  packageKeys,
  versionPath,
} from "../../../domain/packages.ts";
import {
  artefactOf,
  firstBuild,
  type KeptObject,
  type Package,
  type PackageVersion,
} from "../../../models/packages/index.ts";
import { deriveKey, verifyLink } from "../../../platform/crypto.ts";
import type { OpenedObject } from "../../../platform/objects/index.ts";
import { NOT_KEPT } from "../../answers.ts";
import type { Delivery } from "../../delivery.ts";
import {
  assertOpen,
  fallbackOf,
  findPackage,
  findVersion,
  neverShown,
} from "../../policies/packages.ts";
import { route } from "../../route.ts";
import { FixedLink, SignedQuery, VersionLink, VersionOf } from "../../schemas/packages.ts";
import { iconOf } from "../../schemas/packages/facts.ts";
import type { Services } from "../../services.ts";

const LIVE = "public, max-age=60, must-revalidate";
const FOR_EVER = "public, max-age=31536000, immutable";

export const fetchRelease = route({
  method: "get",
  path: "/dist/:id/:file",
  summary: "Fetch what a channel's link shows now; this address never changes",
  access: "public",
  unlimited: true,
  params: FixedLink,
  returns: "delivery",
  async handle(call) {
    const { params, services } = call;
    const owner = await findPackage(call);
    const channel = channelInLink(params.file, owner.type);
    if (channel === undefined) throw notPublished();
    return openLink(services, owner, channel);
  },
});

export const fetchVersion = route({
  method: "get",
  path: "/dist/:id/v/:version/:file",
  summary: "Fetch one version; its bytes never change",
  access: "public",
  unlimited: true,
  params: VersionLink,
  returns: "delivery",
  async handle(call) {
    const { actor, params, services } = call;
    const owner = await findPackage(call);
    const version = await findVersion(owner, params.version);
    if (version.fileName !== params.file) throw notPublished();
    await assertOpen(owner, version, { actor });
    const cacheControl = version.isDraft ? NOT_KEPT : FOR_EVER;
    const delivery = await openBuild(services, version, firstBuild(version), cacheControl);
    const path = versionPath(String(owner.serial), version.version, version.fileName);
    return { ...delivery, purgeable: [path] };
  },
});

export const fetchOriginal = route({
  method: "get",
  path: "/api/v1/packages/:id/versions/:version/original",
  summary: "Fetch an original through an address that was signed for a minute",
  access: "public",
  params: VersionOf,
  query: SignedQuery,
  returns: "delivery",
  async handle(call) {
    const { actor, params, query, services } = call;
    const path = `/api/v1/packages/${params.id}/versions/${params.version}/original`;
    const terms = { method: "GET", path, expiresAt: query.expires } as const;
    const verdict = verifyLink(deriveKey(services.secretKey, "links"), terms, query.signature);
    if (verdict !== "good") {
      throw refusal(
        "packages/link-expired",
        `This address is ${verdict}. Ask for the package again.`,
      );
    }
    const owner = await findPackage(call);
    const version = await findVersion(owner, params.version);
    await assertOpen(owner, version, { actor, original: true });
    const object = await services.objects.open(version.originalKey);
    if (!object) throw new Error("an original is gone from the store");
    const { fileName, originalSha256: etag } = version;
    return { object, etag, fileName, cacheControl: NOT_KEPT };
  },
});

export const fetchIcon = route({
  method: "get",
  path: "/api/v1/packages/:id/versions/:version/icon",
  summary: "Fetch the icon of a version, a PNG or WebP",
  access: "public",
  unlimited: true,
  params: VersionOf,
  returns: "delivery",
  async handle(call) {
    const { actor, params, services } = call;
    const owner = await findPackage(call);
    const version = await findVersion(owner, params.version);
    await assertOpen(owner, version, { actor });
    const icon = iconOf(version);
    const key = icon && packageKeys.icon(owner.id, version.id, icon.sha256);
    const object = key && (await services.objects.open(key));
    if (!object) throw refusal("packages/no-icon", "No icon was found in this version.");
    const cacheControl = version.isDraft ? NOT_KEPT : LIVE;
    return { object, etag: icon.sha256, fileName: "icon", cacheControl };
  },
});

/**
 * All that the link says comes from the one object under its key; a switch meanwhile opens it anew. What it shows was
 * yanked: then what takes its place is shown from the version's own bytes, until the link itself was switched.
 */
async function openLink(services: Services, owner: Package, channel: string): Promise<Delivery> {
  const object = await services.objects.open(packageKeys.live(owner.id, channel));
  if (!object) throw neverShown(owner);
  const purgeable = linkPaths(String(owner.serial), channel, owner.type);
  try {
    const { version: name, sha256, "file-name": fileName } = object.facts.metadata;
    const version = await findVersion(owner, name!);
    const fallback = await fallbackOf(version);
    if (fallback) {
      await assertOpen(owner, fallback);
      const delivery = await openBuild(services, fallback, artefactOf(fallback), LIVE);
      await object.close();
      return { ...delivery, purgeable };
    }
    await assertOpen(owner, version);
    const shown = { etag: sha256!, fileName: fileName!, cacheControl: LIVE, purgeable };
    const count = countOf(services, version, object);
    const lasting = await openLasting(services, version, object);
    if (lasting) return { object: lasting, ...shown, count };
    const reopen = () => openLink(services, owner, channel);
    return { object, ...shown, count, reopen };
  } catch (error) {
    await object.close();
    throw error;
  }
}

/** The same bytes where no switch of the link can reach them, for others who send them after we have answered. */
async function openLasting(
  { objects, env }: Services,
  { packageId, id }: PackageVersion,
  shown: OpenedObject,
): Promise<OpenedObject | undefined> {
  if (env.DELIVERY === "stream") return undefined;
  const key = packageKeys.version(packageId, id, shown.facts.metadata["sha256"]!);
  const lasting = await objects.open(key);
  if (!lasting) return undefined;
  await shown.close();
  // When the link was switched, which is later than the version was built, and only ever goes forward.
  const { modifiedAt } = shown.facts;
  return { ...lasting, facts: { ...lasting.facts, modifiedAt } };
}

async function openBuild(
  services: Services,
  version: PackageVersion,
  build: KeptObject | undefined,
  cacheControl: string,
): Promise<Delivery> {
  const object = build && (await services.objects.open(build.key));
  if (!object) throw notPublished();
  const { fileName, isDraft } = version;
  const delivery = { object, etag: build.sha256, fileName, cacheControl };
  // Whoever tries a draft out is no user of it.
  return isDraft ? delivery : { ...delivery, count: countOf(services, version, object) };
}

function countOf(
  { downloads }: Services,
  { packageId, version, channel }: PackageVersion,
  { facts }: OpenedObject,
): NonNullable<Delivery["count"]> {
  return (times) => downloads.count({ packageId, version, channel, bytes: facts.bytes }, times);
}
