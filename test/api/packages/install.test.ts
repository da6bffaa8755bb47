import { inflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { inTransaction } from "../../../models/database.ts";
import { PackageVersion } from "../../../models/packages/index.ts";
import { qrPng, qrSvg } from "../../../platform/qr.ts";
import { ADMIN, startApi } from "../../support/api.ts";
import {
  digestOf,
  giveIcon,
  publishByHand,
  uploadForm,
  uploadPackage,
  zipOf,
} from "../../support/packages.ts";

const PUBLIC_URL = "https://apps.example.com";

/** A published package of this type, on a server that is reached under `publicUrl`. */
async function startPublished({
  type = "zip",
  name = "演示 Demo",
  publicUrl = PUBLIC_URL,
}: { type?: "zip" | "ipa"; name?: string; publicUrl?: string } = {}) {
  const api = await startApi({ env: { PUBLIC_URL: publicUrl } });
  const bytes = await zipOf({ "Payload/Demo.app/Info.plist": "x" });
  const file = type === "ipa" ? { bytes, fileName: "app.ipa" } : {};
  const { body, bytes: sent } = await uploadPackage(api, { name, ...file });
  await publishByHand(api, body.id, "1.0.0");
  const path = (rest: string) => `/api/v1/packages/${body.id}/${rest}`;
  const ask = (rest: string, headers: Record<string, string> = {}) =>
    api.call(undefined, "GET", path(rest), { headers });
  return { api, id: body.id as string, bytes: sent, path, ask };
}

const ipa = { type: "ipa" } as const;
const itms = (url: string) =>
  `itms-services://?action=download-manifest&#38;url=${encodeURIComponent(url)}`;

describe("GET /api/v1/packages/:id/install", () => {
  test("shows what the link gives, with the way to it", async () => {
    const { api, id, bytes, path, ask } = await startPublished();
    await giveIcon(api, "1.0.0", { package_name: "com.example.demo", permissions: ["CAMERA"] });
    const json = { description: "Faster." };
    await api.call(ADMIN, "PATCH", path("versions/1.0.0"), { json });

    const { status, headers, body } = await ask("install");

    expect([status, headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
    for (const part of [
      "<bdi>演示 Demo</bdi>",
      "<b>1.0.0</b>",
      `href="/dist/${id}/release.zip"`,
      `src="${path("versions/1.0.0/icon")}"`,
      `src="${path("qr.svg")}"`,
      digestOf(bytes),
      "Faster.",
      "com.example.demo",
      "<li>CAMERA</li>",
    ]) {
      expect(body).toContain(part);
    }
  });

  test("speaks the language of the browser, or the one that is asked for", async () => {
    const { ask } = await startPublished();
    const chinese = { "Accept-Language": "zh-TW,zh;q=0.9,en;q=0.5" };

    const page = await ask("install", chinese);

    expect(page.body).toContain('<html lang="zh-CN">');
    expect(page.headers.get("vary")).toContain("Accept-Language");
    expect(page.body).toMatch(/下载/);
    expect((await ask("install?lang=en", chinese)).body).toContain('<html lang="en">');
    expect((await ask("install", { "Accept-Language": "fr" })).body).toContain('<html lang="en">');
    expect((await ask("install?lang=fr")).status).toBe(422);
  });

  test("leads to one version when it is named, and stays with it in the other language", async () => {
    const { id, path, ask } = await startPublished();

    const { body } = await ask("install?version=1.0.0");

    expect(body).toContain(`href="/dist/${id}/v/1.0.0/app.zip"`);
    expect(body).toContain(`href="${path("install?version=1.0.0&#38;lang=zh-CN")}"`);
    expect(body).toContain(`src="${path("qr.svg?version=1.0.0")}"`);
    expect((await ask("install?version=2.0.0")).body.code).toBe("packages/version-not-found");
    expect((await ask("install?channel=beta")).body.code).toBe("packages/not-published");
  });

  test("lets nothing that strangers have written become a part of it", async () => {
    // Names cannot hold a slash, so that no tag of theirs could be closed; notes can.
    const hostile = `"><script>alert(1)<img src=x onerror='alert(2)'>&amp;`;
    const { api, path, ask } = await startPublished({ name: hostile, ...ipa });
    await giveIcon(api, "1.0.0", {
      package_name: hostile,
      min_sdk: hostile,
      permissions: [hostile],
    });
    const json = { description: `</section>${hostile}` };
    await api.call(ADMIN, "PATCH", path("versions/1.0.0"), { json });

    const page = await ask("install");
    const plist = await ask("install.plist");

    expect(page.body).not.toMatch(/<script|<img src=x|onerror='/);
    expect(page.body).toContain("&#34;&#62;&#60;script&#62;");
    expect(page.body.match(/&#60;script/g)!.length).toBeGreaterThanOrEqual(5);
    expect(plist.body).not.toContain("<script");
  });

  test("may load its own pictures and its own style, and nothing else", async () => {
    const { ask } = await startPublished();

    const { headers, body } = await ask("install");

    const style = /<style>(.*)<\/style>/s.exec(body)![1]!;
    const digest = Buffer.from(digestOf(Buffer.from(style)), "hex").toString("base64");
    expect(headers.get("content-security-policy")).toBe(
      `default-src 'none'; img-src 'self'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    expect(body).not.toMatch(/<script|<link|\sstyle=|\son\w+=|(src|href)="(https?:)?\/\//);
  });

  test("lets an iPhone install an IPA that says which app it is", async () => {
    const { api, path, ask } = await startPublished(ipa);

    const unknown = await ask("install");
    await giveIcon(api, "1.0.0", { package_name: "com.example.demo" });
    const known = await ask("install");

    expect(unknown.body).toContain("does not say which app it is");
    expect(unknown.body).not.toContain("itms-services");
    expect(known.body).toContain(`href="${itms(PUBLIC_URL + path("install.plist"))}"`);
  });

  test("tells people in their language why it is shut, and programs as ever", async () => {
    const { api, path, ask } = await startPublished();
    const browser = { Accept: "text/html,application/xhtml+xml,*/*;q=0.8" };
    await api.call(ADMIN, "PATCH", path("").slice(0, -1), { json: { is_distributing: false } });

    const english = await ask("install", browser);
    const chinese = await ask("install", { ...browser, "Accept-Language": "zh-CN" });
    const program = await ask("install");

    expect([english.status, english.headers.get("content-type")]).toEqual([
      403,
      "text/html; charset=utf-8",
    ]);
    expect(english.headers.get("cache-control")).toBe("no-store");
    expect(english.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(english.body).toContain("Not available now");
    expect(english.body).toContain(`href="${path("install?lang=zh-CN")}"`);
    expect(chinese.body).toContain("暂时无法下载");
    expect(program).toMatchObject({ status: 403, body: { code: "packages/not-distributing" } });
    const nowhere = "/api/v1/packages/999/install?lang=zh-CN";
    const unknown = await api.call(undefined, "GET", nowhere, { headers: browser });
    expect([unknown.status, unknown.body.includes("这里没有内容")]).toEqual([404, true]);
  });

  test("leads people from a withdrawn version to what is current", async () => {
    const { api, id, path, ask } = await startPublished();
    const form = uploadForm({ version: "2.0.0" }, { bytes: await zipOf({ a: "2" }) });
    await api.call(ADMIN, "POST", path("versions"), { form });
    await publishByHand(api, id, "2.0.0");
    const json = { reason: "bad" };
    await api.call(ADMIN, "POST", path("versions/1.0.0/yank"), { json });

    const page = await ask("install?version=1.0.0", { Accept: "text/html" });

    expect(page.status).toBe(410);
    expect(page.body).toContain(`href="${path("install?lang=en")}"`);
  });

  test("says that iPhones need HTTPS when it is reached without", async () => {
    const { api, ask } = await startPublished({ ...ipa, publicUrl: "http://apps.example.com" });
    await giveIcon(api, "1.0.0", { package_name: "com.example.demo" });

    const { body } = await ask("install");

    expect(body).toContain("only over HTTPS");
    expect(body).not.toContain("itms-services");
  });
});

describe("GET /api/v1/packages/:id/install.plist", () => {
  test("tells an iPhone where the IPA is and which app it is", async () => {
    const { api, id, path, ask } = await startPublished({ ...ipa, name: "Fish & <Chips>" });
    await giveIcon(api, "1.0.0", { package_name: "com.example.demo", version_name: "1.2.3" });

    const { body, headers } = await ask("install.plist");
    const page = await ask("install");

    expect(headers.get("content-type")).toBe("text/xml; charset=utf-8");
    expect(body).toContain(`<string>${PUBLIC_URL}/dist/${id}/release.ipa</string>`);
    expect(body).toContain("<key>bundle-identifier</key><string>com.example.demo</string>");
    expect(body).toContain("<key>bundle-version</key><string>1.2.3</string>");
    expect(body).toContain("<string>Fish &#38; &#60;Chips&#62;</string>");
    expect(page.body).toContain(`href="${itms(PUBLIC_URL + path("install.plist"))}"`);
  });

  test("is there for an IPA whose app is known, and for nothing else", async () => {
    const { ask } = await startPublished(ipa);

    expect(await ask("install.plist")).toMatchObject({
      status: 404,
      body: { code: "packages/not-installable" },
    });
  });
});

describe("GET /api/v1/packages/:id/qr.svg", () => {
  test.each([
    ["qr.svg", "install"],
    ["qr.svg?channel=release", "install?channel=stable"],
    ["qr.svg?version=1.0.0&channel=beta", "install?version=1.0.0"],
  ])("%s leads to %s", async (asked, page) => {
    const { path, ask } = await startPublished();

    const { body, headers } = await ask(asked);

    expect(headers.get("content-type")).toBe("image/svg+xml; charset=utf-8");
    expect(body).toBe(qrSvg(PUBLIC_URL + path(page)));
  });

  test("leads nowhere when there is nothing", async () => {
    const { api, ask } = await startPublished();
    await inTransaction(api.services.database, (transaction) =>
      PackageVersion.update({ verdict: "held" }, { where: {}, transaction }),
    );

    expect(await ask("qr.svg")).toMatchObject({ status: 409 });
  });
});

describe("GET /api/v1/packages/:id/qr.png", () => {
  test("is the same code as points", async () => {
    const { api, path } = await startPublished();

    const answer = await fetch(new URL(path("qr.png"), api.address));

    const bytes = Buffer.from(await answer.arrayBuffer());
    expect(answer.headers.get("content-type")).toBe("image/png");
    expect(answer.headers.get("cache-control")).toBe("public, max-age=60");
    expect(bytes).toEqual(qrPng(PUBLIC_URL + path("install")));
  });

  test("has a dark corner behind a quiet zone of four modules", () => {
    const png = qrPng("https://apps.example.com");

    const width = png.readUInt32BE(16);
    const points = inflateSync(png.subarray(41, png.length - 16));
    const isDark = (x: number, y: number) =>
      (points[y * (1 + Math.ceil(width / 8)) + 1 + (x >> 3)]! & (0x80 >> (x & 7))) === 0;
    expect(width).toBe(png.readUInt32BE(20));
    expect([isDark(31, 31), isDark(32, 32), isDark(87, 32), isDark(88, 32)]).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });
});
