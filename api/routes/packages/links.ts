import { refusal } from "../../../domain/errors.ts";
import { fixedPath, packageKeys } from "../../../domain/packages.ts";
import type { Package } from "../../../models/packages/index.ts";
import { deriveKey, verifyLink } from "../../../platform/crypto.ts";
import type { Delivery } from "../../delivery.ts";
import { findPackage, findVersion } from "../../policies/packages.ts";
import { route } from "../../route.ts";
import { FixedLink, SignedQuery, VersionLink, VersionOf } from "../../schemas/packages.ts";
import type { Services } from "../../services.ts";

const LIVE = "public, max-age=60, must-revalidate";
const FOR_EVER = "public, max-age=31536000, immutable";

export const fetchRelease = route({
  method: "get",
  path: "/dist/:id/:file",
  summary: "Fetch what a package shows now; this address never changes",
  access: "public",
  unlimited: true,
  params: FixedLink,
  returns: "delivery",
  async handle({ params, services }) {
    const owner = await findPackage(params.id);
    if (`/dist/${params.id}/${params.file}` !== fixedPath(String(owner.serial), owner.type)) {
      throw notPublished();
    }
    assertDistributing(owner);
    return openLink(services, packageKeys.live(owner.id));
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
  async handle({ params, services }) {
    const owner = await findPackage(params.id);
    const version = await findVersion(owner, params.version);
    if (!version.artefactKey || version.fileName !== params.file) throw notPublished();
    assertDistributing(owner);
    const object = await services.objects.open(version.artefactKey);
    if (!object) throw notPublished();
    const { fileName, artefactSha256: etag } = version;
    return { object, etag: etag!, fileName, cacheControl: FOR_EVER };
  },
});

export const fetchOriginal = route({
  method: "get",
  path: "/api/v1/packages/:id/versions/:version/original",
  summary: "Fetch an original through an address that was signed for some minutes",
  access: "public",
  params: VersionOf,
  query: SignedQuery,
  returns: "delivery",
  async handle({ params, query, services }) {
    const path = `/api/v1/packages/${params.id}/versions/${params.version}/original`;
    const terms = { method: "GET", path, expiresAt: query.expires } as const;
    const verdict = verifyLink(deriveKey(services.secretKey, "links"), terms, query.signature);
    if (verdict !== "good") {
      throw refusal(
        "packages/link-expired",
        `This address is ${verdict}. Ask for the package again.`,
      );
    }
    const owner = await findPackage(params.id);
    const version = await findVersion(owner, params.version);
    const object = await services.objects.open(version.originalKey);
    if (!object) throw new Error("an original is gone from the store");
    const { fileName, originalSha256: etag } = version;
    return { object, etag, fileName, cacheControl: "private, no-store" };
  },
});

/** All that the link says comes from the one object under the fixed key; a switch meanwhile opens it anew. */
async function openLink(services: Services, key: string): Promise<Delivery> {
  const object = await services.objects.open(key);
  if (!object) throw notPublished();
  const { sha256, "file-name": fileName } = object.facts.metadata;
  return {
    object,
    etag: sha256!,
    fileName: fileName!,
    cacheControl: LIVE,
    reopen: () => openLink(services, key),
  };
}

function assertDistributing(owner: Package): void {
  if (owner.isDistributing) return;
  throw refusal("packages/not-distributing", "Package distribution is disabled");
}

function notPublished() {
  return refusal("packages/not-published", "Nothing is published at this address yet.");
}
