import { buffer } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { packageKeys } from "../../../domain/packages.ts";
import { LIMITS } from "../../../domain/limits.ts";
import type { PackageType } from "../../../domain/packages.ts";
import { PackageVersion } from "../../../models/packages/index.ts";
import {
  accept,
  type Accepted,
  build,
  logOf,
  openBench,
  stepOrder,
} from "../../support/package-bench.ts";
import { zipOf } from "../../support/packages.ts";

/** What a picture begins with; the words behind it tell pictures apart. */
const png = (text: string) => Buffer.from(`\x89PNG\r\n\x1a\n\0\0\0\rIHDR${text}`, "latin1");
const webp = (text: string) => Buffer.from(`RIFF\0\0\0\0WEBP${text}`, "latin1");
const applePng = Buffer.from("\x89PNG\r\n\x1a\n\0\0\0\x04CgBI\0\0\0\0", "latin1");

/** An Info.plist as Xcode writes it into packages. */
const INFO_PLIST = Buffer.from(
  [
    "YnBsaXN0MDDXAQIDBAUGBwgJDxAREhNfEBNDRkJ1bmRsZURpc3BsYXlOYW1lXUNGQnVuZGxlSWNvbnNfEBJDRkJ1bmRsZUlkZW50",
    "aWZpZXJfEBpDRkJ1bmRsZVNob3J0VmVyc2lvblN0cmluZ18QD0NGQnVuZGxlVmVyc2lvbl8QEE1pbmltdW1PU1ZlcnNpb25fEBhO",
    "U0NhbWVyYVVzYWdlRGVzY3JpcHRpb25aRGVtbyAmIDxiPtEKC18QE0NGQnVuZGxlUHJpbWFyeUljb27RDA1fEBFDRkJ1bmRsZUlj",
    "b25GaWxlc6EOXEFwcEljb242MHg2MG4AYwBvAG0ALgBlAHgAYQBtAHAAbABlAC5vFHk6VTEuMi4zUjQyVDE1LjBYVG8gc2Nhbi4A",
    "CAAXAC0AOwBQAG0AfwCSAK0AuAC7ANEA1ADoAOoA9wEUARoBHQEiAAAAAAAAAgEAAAAAAAAAFAAAAAAAAAAAAAAAAAAAASs=",
  ].join(""),
  "base64",
);
const BADGING = [
  "package: name='com.example.demo' versionCode='7' versionName='1.0'",
  "sdkVersion:'24'",
];

/** Runs the metadata step over an archive of these entries; aapt says these lines. */
async function inspect(
  type: PackageType,
  entries: Record<string, Buffer | string>,
  badging: string[] = [],
) {
  const bench = await openBench(({ onLine }) => {
    for (const line of [...BADGING, ...badging]) onLine?.(line);
    return {};
  });
  const accepted = await accept(bench);
  const { packageId, versionId } = accepted;
  const written = await bench.objects.put(accepted.original.key, await zipOf(entries));
  const input = { key: accepted.original.key, ...written };
  await bench.perform("runBuildStep", { ...stepOrder(accepted, "metadata"), type, input });
  const { facts } = await PackageVersion.findByPk(versionId, { rejectOnEmpty: true });
  const sha256 = (facts?.["icon"] as { sha256?: string } | undefined)?.sha256 ?? "none";
  const object = await bench.objects.open(packageKeys.icon(packageId, versionId, sha256));
  const icon = object && (await buffer(await object.read()));
  await object?.close();
  return { facts, icon, contentType: object?.facts.contentType, log: await logOf(accepted.runId) };
}

test("what a manifest leaves empty is not known", async () => {
  const bench = await openBench(({ onLine }) => {
    onLine?.("package: name='com.example' versionCode='' versionName=''");
    return {};
  });
  const accepted = await accept(bench);
  await bench.perform("runBuildStep", { ...stepOrder(accepted, "metadata"), type: "apk" });

  const { facts } = await PackageVersion.findByPk(accepted.versionId, { rejectOnEmpty: true });
  expect(facts).toMatchObject({
    package_name: "com.example",
    version_code: null,
    version_name: null,
  });
});

describe("the icon of an APK", () => {
  const lines = (...icons: [density: number, name: string][]) => [
    ...icons.map(([density, name]) => `application-icon-${density}:'${name}'`),
    `application: label='Demo' icon='${icons[0]![1]}'`,
  ];

  test("is the picture of the highest density that the manifest means", async () => {
    const { facts, icon, contentType } = await inspect(
      "apk",
      { "res/a.png": png("small"), "res/b.webp": webp("large"), "res/icon.png": png("another") },
      lines([160, "res/a.png"], [640, "res/b.webp"]),
    );

    expect(icon).toEqual(webp("large"));
    expect(contentType).toBe("image/webp");
    expect(facts).toMatchObject({
      package_name: "com.example.demo",
      icon: { content_type: "image/webp", bytes: icon!.length },
    });
  });

  test("is a picture of its name where it is drawn, and the foreground where there is none", async () => {
    const adaptive = lines([65534, "res/mipmap-anydpi-v26/ic_main.xml"]);
    const drawn = { "res/mipmap-anydpi-v26/ic_main.xml": "<adaptive-icon/>" };
    const foreground = { "res/mipmap-xxxhdpi-v4/ic_main_foreground.png": png("foreground") };
    const older = {
      "res/mipmap-mdpi-v4/ic_main.png": png("m"),
      "res/mipmap-xxhdpi-v4/ic_main.png": png("xxh"),
    };

    expect((await inspect("apk", { ...drawn, ...foreground, ...older }, adaptive)).icon).toEqual(
      png("xxh"),
    );
    expect((await inspect("apk", { ...drawn, ...foreground }, adaptive)).icon).toEqual(
      png("foreground"),
    );
    expect((await inspect("apk", drawn, adaptive)).icon).toBeUndefined();
  });

  test.each([
    ["no picture by its first bytes", "<svg onload=alert(1)>"],
    ["too large", Buffer.concat([png(""), Buffer.alloc(LIMITS.iconBytes)])],
  ])("is not kept when it is %s", async (_what, content) => {
    const { facts, icon } = await inspect(
      "apk",
      { "res/icon.png": content },
      lines([640, "res/icon.png"]),
    );

    expect(icon).toBeUndefined();
    expect(facts).not.toHaveProperty("icon");
  });
});

describe("an IPA", () => {
  const app = (files: Record<string, Buffer | string>) =>
    Object.fromEntries(
      Object.entries(files).map(([name, bytes]) => [`Payload/Demo.app/${name}`, bytes]),
    );

  test("says what it is in its Info.plist, and has the largest of its icons", async () => {
    const { facts, icon } = await inspect(
      "ipa",
      app({
        "Info.plist": INFO_PLIST,
        "AppIcon60x60@2x.png": png("2x"),
        "AppIcon60x60@3x.png": png("3x, larger"),
        "Other.png": png("the largest, and another picture"),
      }),
    );

    expect(facts).toMatchObject({
      package_name: "com.example.演示",
      version_code: "42",
      version_name: "1.2.3",
      min_sdk: "15.0",
      label: "Demo & <b>",
      permissions: ["NSCameraUsageDescription"],
    });
    expect(icon).toEqual(png("3x, larger"));
  });

  test("may have its Info.plist in XML", async () => {
    const plist =
      "<plist><dict><key>CFBundleIdentifier</key>\n<string>com.example.&lt;a&gt;</string><key>CFBundleName</key><string>A &amp; B</string></dict></plist>";

    const { facts } = await inspect("ipa", app({ "Info.plist": plist }));

    expect(facts).toMatchObject({
      package_name: "com.example.<a>",
      label: "A & B",
      min_sdk: null,
      permissions: [],
    });
  });

  test("has no icon when browsers could not show it, and the log says why", async () => {
    const { facts, icon, log } = await inspect(
      "ipa",
      app({ "Info.plist": INFO_PLIST, "AppIcon60x60@2x.png": applePng }),
    );

    expect(icon).toBeUndefined();
    expect(facts).not.toHaveProperty("icon");
    expect(log).toContain("a PNG of Apple's own form");
  });

  test.each([
    ["is damaged", Buffer.concat([INFO_PLIST.subarray(0, 40), Buffer.alloc(60, 0xff)])],
    ["is no property list", "hello"],
    ["is not there", undefined],
  ])("whose Info.plist %s is processed all the same", async (_what, plist) => {
    const { facts } = await inspect(
      "ipa",
      app({ ...(plist && { "Info.plist": plist }), Demo: "x" }),
    );

    expect(facts?.["package_name"] ?? null).toBeNull();
    expect(facts).toHaveProperty("entries");
  });
});

test("what other bytes say of themselves is no fact of a version that clients know", async () => {
  const bench = await openBench();
  const accepted = await accept(bench);
  await build(bench, accepted);
  const { facts: before } = await versionOf(accepted);
  const other = await bench.objects.put("other", await zipOf({ "a.txt": "a", "b.txt": "b" }));

  const input = { key: "other", ...other };
  const order = { ...stepOrder(accepted, "metadata"), input, isKept: true };
  await bench.perform("runBuildStep", order);

  expect(before).toMatchObject({ entries: 1 });
  expect((await versionOf(accepted)).facts).toEqual(before);
  await PackageVersion.update({ isDraft: true }, { where: {} });
  await bench.perform("runBuildStep", order);
  expect((await versionOf(accepted)).facts).toMatchObject({ entries: 2 });
});

const versionOf = ({ versionId }: Accepted) =>
  PackageVersion.findByPk(versionId, { rejectOnEmpty: true });
