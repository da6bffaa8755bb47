import { open, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ZipFile } from "yazl";
import { refusalIn } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import { archiveType, readArchive, type ArchiveListing } from "../../platform/archive.ts";
import type { ByteRange, OpenedObject } from "../../platform/objects/index.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "longhaul-archive-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The least that a program of Windows begins with: a DOS header that leads to a PE header. */
function programWith(rest: Uint8Array): Buffer {
  const header = Buffer.alloc(0x80);
  header.write("MZ", 0, "latin1");
  header.writeUInt32LE(0x40, 0x3c);
  header.write("PE\0\0", 0x40, "latin1");
  return Buffer.concat([header, rest]);
}

test("a program of Windows is told by both of its headers, whatever is packed behind them", async () => {
  const zip = new ZipFile();
  zip.addBuffer(Buffer.from("<manifest/>"), "AndroidManifest.xml");
  zip.end();
  const packed = await buffer(zip.outputStream);
  const half = programWith(packed);
  half.writeUInt32LE(0xffff_fff0, 0x3c);
  const typeOf = async (bytes: Uint8Array) => {
    const { object } = await store([{ at: 0, bytes }]);
    return archiveType(object);
  };

  expect(await typeOf(programWith(packed))).toBe("exe");
  expect(await typeOf(half)).toBe("apk");
  await expect(typeOf(Buffer.from("MZ"))).rejects.toThrow("neither a ZIP archive nor an EXE");
});

interface Piece {
  at: number;
  bytes: Uint8Array;
}

/** A stored object with `pieces` in it and holes between them, and the ranges that were read of it. */
async function store(pieces: Piece[]) {
  const path = join(folder, "object");
  await writeFile(path, "");
  const file = await open(path, "r+");
  for (const { at, bytes } of pieces) await file.write(bytes, 0, bytes.length, at);
  const { size } = await file.stat();
  await file.close();
  const ranges: ByteRange[] = [];
  const object: OpenedObject = {
    facts: {
      key: "packages/x",
      bytes: size,
      contentType: "",
      metadata: {},
      modifiedAt: new Date(0),
    },
    async read(range) {
      ranges.push(range!);
      return (await open(path)).createReadStream(range);
    },
    close: () => Promise.resolve(),
  };
  return { object, ranges };
}

/** The bytes of a real archive with these entries. */
async function zipOf(names: string[], options: { comment?: string; zip64?: boolean } = {}) {
  const zip = new ZipFile();
  for (const name of names) zip.addBuffer(Buffer.from(`in ${name}`), name, { compress: false });
  const end = { comment: options.comment ?? "", forceZip64Format: options.zip64 ?? false };
  zip.end(end);
  return buffer(zip.outputStream as Readable);
}

interface EntryFacts {
  name: string;
  bytes?: number;
  flags?: number;
  mode?: number;
}

/** A directory for entries that nobody reads, with its end records, to stand at `at`. */
function directoryAt(at: number, entries: EntryFacts[]): Buffer {
  const headers = entries.map(({ name, bytes = 1, flags = 0x800, mode = 0o100_644 }) => {
    const encoded = Buffer.from(name);
    const header = Buffer.alloc(46);
    header.writeUInt32LE(0x02014b50, 0);
    header.writeUInt16LE(0x0300 + 45, 4);
    header.writeUInt16LE(flags, 8);
    header.writeUInt32LE(0xffffffff, 20);
    header.writeUInt32LE(0xffffffff, 24);
    header.writeUInt16LE(encoded.length, 28);
    header.writeUInt16LE(20, 30);
    header.writeUInt32LE(mode * 0x10000, 38);
    const extra = Buffer.alloc(20);
    extra.writeUInt16LE(1, 0);
    extra.writeUInt16LE(16, 2);
    extra.writeBigUInt64LE(BigInt(bytes), 4);
    extra.writeBigUInt64LE(BigInt(bytes), 12);
    return Buffer.concat([header, encoded, extra]);
  });
  const directory = Buffer.concat(headers);
  const end64 = Buffer.alloc(56);
  end64.writeUInt32LE(0x06064b50, 0);
  end64.writeBigUInt64LE(44n, 4);
  end64.writeBigUInt64LE(BigInt(entries.length), 24);
  end64.writeBigUInt64LE(BigInt(entries.length), 32);
  end64.writeBigUInt64LE(BigInt(directory.length), 40);
  end64.writeBigUInt64LE(BigInt(at), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(at + directory.length), 8);
  locator.writeUInt32LE(1, 16);
  const end = Buffer.alloc(22, 0xff);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt32LE(0, 4);
  end.writeUInt16LE(0, 20);
  return Buffer.concat([directory, end64, locator, end]);
}

describe("the type of an archive", () => {
  test.each([
    ["apk", ["classes.dex", "AndroidManifest.xml"]],
    ["ipa", ["Payload/My App.app/Info.plist"]],
    ["zip", ["assets/AndroidManifest.xml", "Payload/readme.app", "Payload/x/y.app/z"]],
    ["zip", []],
  ])("is %s for %j", async (type, names) => {
    const { object } = await store([{ at: 0, bytes: await zipOf(names) }]);

    expect(await archiveType(object)).toBe(type);
  });
});

describe("an archive's directory", () => {
  test("tells names, count and sizes", async () => {
    const { object } = await store([{ at: 0, bytes: await zipOf(["a", "目录/文件😀"]) }]);

    const listing = await readArchive(object);

    const bytes = Buffer.byteLength("in a") + Buffer.byteLength("in 目录/文件😀");
    expect(listing).toEqual({
      type: "zip",
      entries: 2,
      compressedBytes: bytes,
      uncompressedBytes: bytes,
      largestEntryBytes: Buffer.byteLength("in 目录/文件😀"),
      names: ["a", "目录/文件😀"],
      findings: [],
    });
  });

  test.each([
    ["with a comment at its end", { comment: "c".repeat(60_000) }, 0],
    ["in ZIP64 format", { zip64: true }, 0],
    ["behind a stub that its offsets do not count", {}, 100_000],
    ["in ZIP64 format behind such a stub", { zip64: true, comment: "c" }, 1_000_000],
  ])("is read %s", async (_, options, at) => {
    const bytes = await zipOf(["AndroidManifest.xml", "b"], options);
    const { object } = await store([{ at, bytes }]);

    expect(await readArchive(object)).toMatchObject({ type: "apk", entries: 2 });
  });

  test("is read where it stands, beyond 4 GiB, without the bytes before it", async () => {
    const at = 5 * 1024 ** 3;
    const entries = [{ name: "AndroidManifest.xml" }, { name: "big", bytes: at - 1000 }];
    const { object, ranges } = await store([{ at, bytes: directoryAt(at, entries) }]);

    const listing = await readArchive(object);

    expect(listing).toMatchObject({ type: "apk", entries: 2, uncompressedBytes: at - 999 });
    expect(ranges.length).toBeLessThan(4);
  });

  test("of 60,000 entries takes a few reads", async () => {
    const entries = Array.from({ length: 60_000 }, (_, i) => ({
      name: `res/drawable/icon-${i}.png`,
    }));
    const at = 10_000_000;
    const { object, ranges } = await store([{ at, bytes: directoryAt(at, entries) }]);

    const listing = await readArchive(object);

    expect(listing).toMatchObject({ entries: 60_000, uncompressedBytes: 60_000 });
    expect(listing.names).toHaveLength(1000);
    expect(ranges.length).toBeLessThan(20);
    expect(Math.max(...ranges.map(({ start, end }) => end - start))).toBeLessThan(1024 * 1024);
  });

  test("shows what a careful reader wants to know, and is read all the same", async () => {
    const entries = [
      { name: "AndroidManifest.xml" },
      { name: "../../etc/passwd" },
      { name: "/etc/passwd" },
      { name: "a\\..\\..\\b" },
      { name: "C:/x" },
      { name: "nul\0.txt" },
      { name: "" },
      { name: "locked", flags: 0x801 },
      { name: "link", mode: 0o120_777 },
    ];
    const { object } = await store([{ at: 0, bytes: directoryAt(0, entries) }]);

    const { type, findings } = await readArchive(object);

    expect(type).toBe("apk");
    expect(findings).toEqual([
      {
        finding: "unsafe-name",
        count: 6,
        names: ["../../etc/passwd", "/etc/passwd", "a/../../b", "C:/x", "nul\0.txt", ""],
      },
      { finding: "encrypted", count: 1, names: ["locked"] },
      { finding: "symlink", count: 1, names: ["link"] },
    ]);
  });

  test("keeps few names of many findings", async () => {
    const entries = Array.from({ length: 500 }, (_, i) => ({ name: `../${i}` }));
    const { object } = await store([{ at: 0, bytes: directoryAt(0, entries) }]);

    const { findings } = await readArchive(object);

    expect(findings).toMatchObject([{ finding: "unsafe-name", count: 500 }]);
    expect(findings[0]!.names).toHaveLength(10);
  });
});

describe("what a scanner would not see", () => {
  const found = async (bytes: Buffer) => {
    const { object } = await store([{ at: 0, bytes }]);
    return (await readArchive(object, { headers: true })).findings;
  };

  test("is nothing in an ordinary archive, whichever way it was written", async () => {
    expect(await found(await zipOf(["a", "b"]))).toEqual([]);
    expect(await found(await zipOf(["a", "b"], { zip64: true }))).toEqual([]);
  });

  test.each<[string, (bytes: Buffer, header: number) => void]>([
    ["its size is elsewhere", (bytes, header) => bytes.writeUInt32LE(0xffffffff, header + 18)],
    ["it is packed otherwise", (bytes, header) => bytes.writeUInt16LE(8, header + 8)],
    ["it is no entry", (bytes, header) => bytes.writeUInt32LE(0, header)],
  ])("is an entry whose own header says that %s", async (_what, change) => {
    const bytes = await zipOf(["a", "b"]);
    const header = bytes.indexOf("PK\u0003\u0004", 4);
    // yazl says that the sizes follow; so that the header counts, this one does not.
    bytes.writeUInt16LE(bytes.readUInt16LE(header + 6) & ~8, header + 6);
    change(bytes, header);

    expect(await found(bytes)).toEqual([{ finding: "disguised", count: 1, names: ["b"] }]);
  });

  test("is a second manifest, of which installers disagree which one counts", async () => {
    const entries = [{ name: "AndroidManifest.xml" }, { name: "AndroidManifest.xml" }];
    const { object } = await store([{ at: 0, bytes: directoryAt(0, entries) }]);

    const { findings, type } = await readArchive(object);

    expect(type).toBe("apk");
    expect(findings).toMatchObject([{ finding: "second-manifest", count: 1 }]);
  });
});

describe("what is no archive", () => {
  const refused = async (reading: Promise<unknown>) =>
    refusalIn(
      await reading.then(
        () => undefined,
        (error: unknown) => error,
      ),
    )?.code;

  test.each([
    ["nothing", () => Buffer.alloc(0)],
    ["a text", () => Buffer.from("hello, this is no package at all")],
    ["an archive cut short", async () => (await zipOf(["a", "b"])).subarray(0, -30)],
    ["an archive without its beginning", async () => (await zipOf(["a", "b"])).subarray(60)],
    [
      "bytes behind the end of an archive",
      async () => Buffer.concat([await zipOf(["a"]), Buffer.alloc(9)]),
    ],
    ["sizes that cannot be true", () => directoryAt(0, [{ name: "a", bytes: 2 ** 62 }])],
  ])("is refused: %s", async (_, content) => {
    const { object } = await store([{ at: 0, bytes: await content() }]);

    expect(await refused(readArchive(object))).toBe("packages/not-an-archive");
  });

  test("is refused when it claims more entries than anyone needs", async () => {
    const bytes = directoryAt(0, [{ name: "a" }]);
    bytes.writeBigUInt64LE(BigInt(LIMITS.archiveEntries + 1), bytes.length - 98 + 32);
    const { object } = await store([{ at: 0, bytes }]);

    expect(await refused(readArchive(object))).toBe("packages/too-many-entries");
  });

  test("is refused or read, whatever was done to its bytes", async () => {
    const real = await zipOf(["AndroidManifest.xml", "b", "c/d"], { comment: "x", zip64: true });
    const made = directoryAt(0, [{ name: "a" }, { name: "b" }]);
    const change = fc.tuple(fc.nat(), fc.nat(255));
    const damaged = fc.tuple(
      fc.constantFrom(real, made),
      fc.array(change, { minLength: 1, maxLength: 6 }),
    );

    await fc.assert(
      fc.asyncProperty(damaged, async ([bytes, changes]) => {
        const copy = Buffer.from(bytes);
        for (const [at, value] of changes) copy[at % copy.length] = value;
        const { object } = await store([{ at: 0, bytes: copy }]);

        const answer = await readArchive(object).catch((error: unknown) => error);

        const outcome =
          refusalIn(answer)?.code ?? (answer as Partial<ArchiveListing>).entries ?? answer;
        expect(outcome).toSatisfy(
          (outcome) =>
            typeof outcome === "number" ||
            outcome === "packages/not-an-archive" ||
            outcome === "packages/too-many-entries",
        );
      }),
      { numRuns: 300 },
    );
  });

  test("is not what a store says that fails", async () => {
    const { object } = await store([{ at: 0, bytes: await zipOf(["a"]) }]);
    const failure = new Error("connection reset");

    const reading = readArchive({ ...object, read: () => Promise.reject(failure) });

    await expect(reading).rejects.toBe(failure);
  });

  test("is not what a store says that delivers less than it promised", async () => {
    const { object } = await store([{ at: 0, bytes: await zipOf(["a"]) }]);
    object.facts.bytes += 10;

    await expect(readArchive(object)).rejects.toThrow(/packages\/x: \d+ bytes instead of \d+/);
  });
});
