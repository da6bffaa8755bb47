import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { StepOrder } from "../../activities/packages/contract.ts";
import { STEP_FAILURES } from "../../domain/packages.ts";
import { PackageFinding, PackageVersion } from "../../models/packages/index.ts";
import { readSignatures } from "../../platform/signatures.ts";
import { openShell, type Shell } from "../../platform/shell.ts";
import {
  type HostileEntry,
  hostileZip,
  nestedZip,
  packedZeros,
} from "../support/hostile-archives.ts";
import { accept, failureOf, openBench, stepOrder } from "../support/package-bench.ts";
import { MALWARE, MALWARE_NAME, rigTools } from "../support/rigged-tools.ts";

const MIB = 1024 * 1024;
/** What a worker may grow by while it works on the worst of these. */
const MOST_GROWTH_BYTES = 200 * MIB;
const ENCRYPTED = 0x1;
const LINK = 0o120_777;

let folder: string;
let shell: Shell;
let scanSignatures: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "longhaul-hostile-"));
  const tools = await rigTools(join(folder, "tools"));
  scanSignatures = tools.variables["SCAN_SIGNATURES"]!;
  shell = await openShell({
    scratchFolder: join(folder, "scratch"),
    runFolder: join(folder, "run"),
    log: () => {},
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What the real steps make of an archive, with a real scanner. */
async function look(content: Buffer, type: StepOrder["type"] = "zip") {
  const bench = await openBench(undefined, { scanSignatures }, undefined, {
    shell,
    readSignatures,
  });
  const accepted = await accept(bench, "1.0.0", content);
  const before = process.memoryUsage().rss;
  const step = async (name: "metadata" | "scan") => {
    const order = { ...stepOrder(accepted, name), type };
    const failure = await failureOf(bench.perform("runBuildStep", order)).catch(() => undefined);
    return failure && { type: failure.type, reason: failure.message };
  };
  const failure = (await step("metadata")) ?? (await step("scan"));
  const { facts } = await PackageVersion.findByPk(accepted.versionId, { rejectOnEmpty: true });
  return {
    failure,
    found: (await PackageFinding.findAll()).map(({ name }) => name).sort(),
    facts,
    grownBytes: process.memoryUsage().rss - before,
  };
}

const many = (count: number, last: Buffer): HostileEntry[] => [
  ...Array.from({ length: count - 1 }, (_, i) => ({ name: `entry-${i}`, bytes: Buffer.from("x") })),
  { name: "last", bytes: last },
];

describe("an archive", () => {
  test.each([65_535, 65_536, 70_000])(
    "of %i entries is looked into to its last one",
    async (count) => {
      const clean = await look(hostileZip(many(count, Buffer.from("harmless"))));
      const infected = await look(hostileZip(many(count, Buffer.from(MALWARE))));

      expect(clean).toMatchObject({ failure: undefined, found: [], facts: { entries: count } });
      expect(infected.found).toEqual([`${MALWARE_NAME}.UNOFFICIAL`]);
      expect(infected.grownBytes).toBeLessThan(MOST_GROWTH_BYTES);
    },
  );

  test.each<[string, HostileEntry[]]>([
    ["one entry that unpacks to 5 GiB", [{ name: "zeros", packed: packedZeros(80) }]],
    [
      "entries that unpack to 5 GiB together",
      Array.from({ length: 20 }, (_, i) => ({ name: `${i}`, packed: packedZeros(4) })),
    ],
    [
      "a manifest that unpacks to 5 GiB",
      [{ name: "AndroidManifest.xml", packed: packedZeros(80) }],
    ],
  ])("that is a bomb of %s is held, and nothing unpacks it", async (_what, entries) => {
    const { failure, found, grownBytes } = await look(hostileZip(entries));

    expect(failure?.type).toBe(STEP_FAILURES.finding);
    expect(found).toEqual(["oversize"]);
    expect(grownBytes).toBeLessThan(MOST_GROWTH_BYTES);
  });

  test("that says of a bomb that it is small is held too", async () => {
    const { bytes } = packedZeros(40);
    const packed = { bytes, unpackedBytes: bytes.length + 1000 };

    const { failure, found } = await look(hostileZip([{ name: "zeros", packed }]));

    expect(failure?.type).toBe(STEP_FAILURES.finding);
    expect(found).toContain("disguised");
  });

  test("in which archives are nested deeper than a scanner goes is held", async () => {
    const bytes = nestedZip(40, Buffer.from(MALWARE));

    const { failure, found } = await look(bytes);

    expect(failure?.type).toBe(STEP_FAILURES.finding);
    expect(found).toContain("oversize");
  });

  test("with encrypted entries is held, for nobody can look into them", async () => {
    const { failure, found } = await look(
      hostileZip([{ name: "locked", bytes: Buffer.from(MALWARE), flags: ENCRYPTED }]),
    );

    expect(failure?.type).toBe(STEP_FAILURES.finding);
    expect(found).toEqual(["encrypted"]);
  });

  test("whose entry hides from the scanner behind its own header is held", async () => {
    const { failure, found } = await look(
      hostileZip([{ name: "letter", bytes: Buffer.from(MALWARE), hidden: true }]),
    );

    expect(failure?.type).toBe(STEP_FAILURES.finding);
    expect(found).toContain("disguised");
  });

  test.each(["../../etc/passwd", "/etc/passwd", "a\\..\\..\\b", "C:/x"])(
    "with an entry named %s fails",
    async (name) => {
      const { failure } = await look(hostileZip([{ name, bytes: Buffer.from("x") }]));

      expect(failure?.type).toBe(STEP_FAILURES.content);
      expect(failure?.reason).toMatch(/would write outside its folder/);
    },
  );

  test("with symbolic links is shown to have them, and nothing follows them", async () => {
    const entries = [{ name: "link", bytes: Buffer.from("/etc/passwd"), mode: LINK }];

    const { failure, facts } = await look(hostileZip(entries));

    expect(failure).toBeUndefined();
    expect(facts).toMatchObject({ findings: [{ finding: "symlink", count: 1 }] });
  });

  test("that is an APK with two manifests fails", async () => {
    const manifest = { name: "AndroidManifest.xml", bytes: Buffer.from("x") };

    const { failure } = await look(hostileZip([manifest, manifest]), "apk");

    expect(failure?.type).toBe(STEP_FAILURES.content);
    expect(failure?.reason).toMatch(/more than one AndroidManifest.xml/);
  });
});
