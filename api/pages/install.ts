import { createHash } from "node:crypto";
import { REFUSALS } from "../../domain/errors.ts";
import type { PackageType } from "../../domain/packages.ts";
import type { Page } from "../route.ts";
import { INSTALL_STYLE } from "./install-style.ts";
import { INSTALL_TEXTS, type InstallLanguage } from "./install-texts.ts";
import { Markup, markup } from "./markup.ts";

/** What the page shows; all of it may have been written by a stranger. Addresses are paths on this server. */
export interface InstallView {
  name: string;
  version: string;
  channel: string;
  type: PackageType;
  bytes: number;
  sha256: string;
  notes: string | null;
  publishedAt: Date | undefined;
  packageName: string | null;
  minSystem: string | null;
  permissions: string[];
  iconPath: string | undefined;
  downloadPath: string;
  qrPath: string;
  /** What an iPhone installs by; undefined for other packages, and where nobody knows what the package is. */
  itmsUrl: string | undefined;
  /** False when clients come without TLS: iOS installs nothing then. */
  isSecure: boolean;
  /** This page in the other language. */
  otherPath: string;
}

/** The page on which somebody with a phone gets a package. All it needs comes from this server. */
export function installPage(view: InstallView, language: InstallLanguage): Page {
  const texts = INSTALL_TEXTS[language];
  const body = markup`<main>
      ${introduction(view, language)}
      ${actions(view, language)}
      ${view.notes ? markup`<section><h2>${texts.notes}</h2><p class="notes" dir="auto">${view.notes}</p></section>` : undefined}
      ${facts(view, language)}
      ${permissions(view, language)}
    </main>
    <aside>
      <img src="${view.qrPath}" alt="${texts.qr}" width="220" height="220">
      <p>${texts.scan}</p>
    </aside>`;
  return frame(
    { title: `${view.name} ${view.version}`, body, otherPath: view.otherPath },
    language,
  );
}

/** Why there is nothing to install: for people. All other refusals are for programs. */
export type ShutCode = keyof (typeof INSTALL_TEXTS)["en"]["shut"];

export function isShutCode(code: string): code is ShutCode {
  return code in INSTALL_TEXTS.en.shut;
}

/** The page in the place of the install page while its door is shut; `newestPath` leads to what can be had instead. */
export function shutPage(
  view: { code: ShutCode; newestPath: string | undefined; otherPath: string },
  language: InstallLanguage,
): Page {
  const { shut, newest } = INSTALL_TEXTS[language];
  const [title, advice] = shut[view.code];
  const way = view.newestPath && markup`<a class="button" href="${view.newestPath}">${newest}</a>`;
  const body = markup`<main>
      <header><h1>${title}</h1></header>
      <p class="warning">${advice}</p>
      ${way || undefined}
    </main>`;
  const page = frame({ title, body, otherPath: view.otherPath }, language);
  return { ...page, status: REFUSALS[view.code] };
}

/** All that is the same around whatever these pages say. */
function frame(
  { title, body, otherPath }: { title: string; body: Markup; otherPath: string },
  language: InstallLanguage,
): Page {
  const { other } = INSTALL_TEXTS[language];
  const { text } = markup`<!doctype html>
<html lang="${language}">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="robots" content="noindex">
    <meta name="color-scheme" content="light dark">
    <title>${title}</title>
    <style>${STYLE}</style>
  </head>
  <body>
    ${body}
    <footer><a href="${otherPath}" hreflang="${other.language}">${other.name}</a></footer>
  </body>
</html>
`;
  return {
    contentType: "text/html; charset=utf-8",
    headers: {
      Vary: "Accept, Accept-Language",
      "Content-Language": language,
      "Content-Security-Policy": POLICY,
    },
    body: text,
  };
}

const STYLE = new Markup(INSTALL_STYLE);
/** Pictures from here and the one style sheet that the page holds; nothing else, and no script at all. */
const POLICY = [
  "default-src 'none'",
  "img-src 'self'",
  `style-src 'sha256-${createHash("sha256").update(INSTALL_STYLE).digest("base64")}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

function introduction(
  { name, version, iconPath, bytes, type }: InstallView,
  language: InstallLanguage,
): Markup {
  const [first = ""] = Array.from(name);
  const icon = iconPath
    ? markup`<img class="icon" src="${iconPath}" alt="" width="104" height="104">`
    : markup`<span class="icon" aria-hidden="true">${first.toUpperCase()}</span>`;
  return markup`<header>
        ${icon}
        <h1 dir="auto"><bdi>${name}</bdi></h1>
        <p class="about"><b>${version}</b> · ${sizeOf(bytes, language)} · ${type.toUpperCase()}</p>
      </header>`;
}

function actions(
  { downloadPath, itmsUrl, isSecure, type }: InstallView,
  language: InstallLanguage,
): Markup {
  const texts = INSTALL_TEXTS[language];
  if (type !== "ipa") {
    const hint = type === "apk" ? markup`<p class="hint">${texts.androidHint}</p>` : undefined;
    return markup`<a class="button" href="${downloadPath}">${texts.download}</a>${hint}`;
  }
  const install =
    itmsUrl && isSecure
      ? markup`<a class="button" href="${itmsUrl}">${texts.install}</a><p class="hint">${texts.iosHint}</p>`
      : markup`<p class="warning">${isSecure ? texts.unknownBundle : texts.needsTls}</p>`;
  return markup`${install}<a class="button plain" href="${downloadPath}">${texts.downloadIpa}</a>`;
}

function facts(view: InstallView, language: InstallLanguage): Markup {
  const texts = INSTALL_TEXTS[language];
  const date = new Intl.DateTimeFormat(language, { dateStyle: "long", timeZone: "UTC" });
  const rows: [label: string, value: string | null | undefined][] = [
    [texts.channel, view.channel],
    [texts.published, view.publishedAt && date.format(view.publishedAt)],
    [texts.packageName, view.packageName],
    [view.type === "ipa" ? texts.minIos : texts.minAndroid, view.minSystem],
    [texts.size, `${view.bytes.toLocaleString(language)} ${texts.bytes}`],
    ["SHA-256", view.sha256],
  ];
  const shown = rows.flatMap(([label, value]) =>
    value ? [markup`<dt>${label}</dt><dd>${value}</dd>`] : [],
  );
  return markup`<section><h2>${texts.details}</h2><dl>${shown}</dl></section>`;
}

function permissions(
  { permissions: names }: InstallView,
  language: InstallLanguage,
): Markup | undefined {
  if (names.length === 0) return undefined;
  const items = names.map((name) => markup`<li>${name}</li>`);
  return markup`<section><details><summary>${INSTALL_TEXTS[language].permissions(names.length)}</summary><ul>${items}</ul></details></section>`;
}

function sizeOf(bytes: number, language: InstallLanguage): string {
  const [unit, size] = bytes < 1e6 ? (["kilobyte", 1e3] as const) : (["megabyte", 1e6] as const);
  return new Intl.NumberFormat(language, {
    style: "unit",
    unit,
    unitDisplay: "short",
    maximumFractionDigits: bytes < 1e8 ? 1 : 0,
  }).format(bytes / size);
}

/** What iOS asks before it installs a package from a page, in XML. */
export function installManifest(app: {
  url: string;
  bundleId: string;
  version: string;
  title: string;
}): Page {
  const { text } = markup`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict><key>items</key><array><dict>
<key>assets</key><array><dict><key>kind</key><string>software-package</string><key>url</key><string>${app.url}</string></dict></array>
<key>metadata</key><dict><key>bundle-identifier</key><string>${app.bundleId}</string><key>bundle-version</key><string>${app.version}</string><key>kind</key><string>software</string><key>title</key><string>${app.title}</string></dict>
</dict></array></dict></plist>
`;
  return { contentType: "text/xml; charset=utf-8", body: text };
}
