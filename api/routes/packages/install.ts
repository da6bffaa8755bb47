import { STABLE, fixedPath, notPublished, versionPath } from "../../../domain/packages.ts";
import { refusal, refusalIn } from "../../../domain/errors.ts";
import {
  artefactOf,
  firstBuild,
  type Package,
  type PackageVersion,
  publishedAt,
} from "../../../models/packages/index.ts";
import { qrPng, qrSvg } from "../../../platform/qr.ts";
import { installManifest, installPage, isShutCode, shutPage } from "../../pages/install.ts";
import { INSTALL_TEXTS, type InstallLanguage } from "../../pages/install-texts.ts";
import { assertOpen, findPackage, findServed, findVersion } from "../../policies/packages.ts";
import { type Page, route } from "../../route.ts";
import { PackageId } from "../../schemas/packages.ts";
import { presentFacts } from "../../schemas/packages/facts.ts";
import { InstallQuestion, Offer } from "../../schemas/packages/install.ts";

/** These lead to bytes that strangers may fetch, and are shut with them. */
const open = {
  method: "get",
  access: "public",
  door: true,
  params: PackageId,
  returns: "page",
} as const;
const A_MINUTE = { "Cache-Control": "public, max-age=60" };

export const showInstallPage = route({
  ...open,
  path: "/api/v1/packages/:id/install",
  summary: "The page on which somebody gets what a channel's link shows, or one version",
  query: InstallQuestion,
  async handle(call): Promise<Page> {
    const accepted = call.prefers("accept-language", ["en", "zh"]) === "zh" ? "zh-CN" : "en";
    const language = call.query.lang ?? accepted;
    try {
      return await openPage(call, language);
    } catch (error) {
      return shutPageFor(call, { error, language });
    }
  },
});

async function openPage(call: Visit, language: InstallLanguage): Promise<Page> {
  const { query, services } = call;
  const { owner, version, path, build } = await findOffer(call);
  const { publicUrl } = services.env;
  const facts = presentFacts(version, owner, "");
  const here = (file: string) => addressOf(owner.serial, file, query);
  const manifest = encodeURIComponent(publicUrl + here("install.plist"));
  return installPage(
    {
      name: owner.name,
      version: version.version,
      channel: version.channel,
      type: owner.type,
      bytes: build.bytes,
      sha256: build.sha256,
      notes: version.description,
      publishedAt: await publishedAt(version),
      packageName: facts.package_name,
      minSystem: facts.min_sdk,
      permissions: facts.permissions,
      iconPath: facts.icon_url ?? undefined,
      downloadPath: path,
      qrPath: here("qr.svg"),
      itmsUrl: facts.package_name
        ? `itms-services://?action=download-manifest&url=${manifest}`
        : undefined,
      isSecure: publicUrl.startsWith("https:"),
      otherPath: inOtherLanguage(call, language),
    },
    language,
  );
}

/** People get a page that says why there is nothing, everybody else the refusal. */
function shutPageFor(
  call: Visit,
  { error, language }: { error: unknown; language: InstallLanguage },
): Page {
  const refused = refusalIn(error);
  const isPerson = call.prefers("accept", ["application/json", "text/html"]) === "text/html";
  if (!refused || !isPerson || !isShutCode(refused.code)) throw error;
  const { channel } = call.query;
  const newestPath = refused.extras.fields?.["live_version"]
    ? addressOf(call.params.id, "install", { channel }, { lang: language })
    : undefined;
  const otherPath = inOtherLanguage(call, language);
  return shutPage({ code: refused.code, newestPath, otherPath }, language);
}

function inOtherLanguage({ params, query }: Visit, language: InstallLanguage): string {
  return addressOf(params.id, "install", query, { lang: INSTALL_TEXTS[language].other.language });
}

export const readInstallManifest = route({
  ...open,
  path: "/api/v1/packages/:id/install.plist",
  summary: "What iOS asks before it installs an IPA from the install page",
  query: Offer,
  async handle(call): Promise<Page> {
    const { owner, version, path } = await findOffer(call);
    const { package_name: bundleId, version_name: name } = presentFacts(version, owner, "");
    if (owner.type !== "ipa" || !bundleId) {
      throw refusal("packages/not-installable", "Only an IPA that says which app it is has this.");
    }
    const url = call.services.env.publicUrl + path;
    return installManifest({ url, bundleId, version: name ?? version.version, title: owner.name });
  },
});

export const readQrSvg = route({
  ...open,
  path: "/api/v1/packages/:id/qr.svg",
  summary: "A QR code of the install page's address, as SVG",
  query: Offer,
  handle: async (call): Promise<Page> => ({
    contentType: "image/svg+xml; charset=utf-8",
    headers: A_MINUTE,
    body: qrSvg(await installAddress(call)),
  }),
});

export const readQrPng = route({
  ...open,
  path: "/api/v1/packages/:id/qr.png",
  summary: "A QR code of the install page's address, as PNG",
  query: Offer,
  handle: async (call): Promise<Page> => ({
    contentType: "image/png",
    headers: A_MINUTE,
    body: qrPng(await installAddress(call)),
  }),
});

type Visit = Parameters<typeof showInstallPage.handle>[0];
type Asked = Visit | Parameters<typeof readQrPng.handle>[0];

/** What is asked for, if it may be given: a version through its own address, else what a channel's link shows. */
async function findOffer(call: Asked) {
  const owner = await findPackage(call);
  const { version: name, channel = STABLE } = call.query;
  const serial = String(owner.serial);
  if (name === undefined) {
    const version = await findServed(owner, channel);
    return offer(owner, version, artefactOf(version), fixedPath(serial, channel, owner.type));
  }
  const version = await findVersion(owner, name);
  await assertOpen(owner, version, { actor: call.actor });
  const path = versionPath(serial, version.version, version.fileName);
  return offer(owner, version, firstBuild(version), path);
}

function offer(
  owner: Package,
  version: PackageVersion,
  build: ReturnType<typeof artefactOf>,
  path: string,
) {
  if (!build) throw notPublished();
  return { owner, version, build, path };
}

async function installAddress(call: Asked): Promise<string> {
  const { owner } = await findOffer(call);
  return call.services.env.publicUrl + addressOf(owner.serial, "install", call.query);
}

/** The path of one of these routes for the same question. */
function addressOf(
  serial: number | string,
  file: string,
  { version, channel }: { version?: string | undefined; channel?: string | undefined },
  more: Record<string, string> = {},
): string {
  const question = new URLSearchParams({
    ...(version !== undefined && { version }),
    ...(version === undefined && channel !== undefined && { channel }),
    ...more,
  });
  return `/api/v1/packages/${serial}/${file}${question.size > 0 ? `?${question.toString()}` : ""}`;
}
