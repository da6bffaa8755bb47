import { constants, crc32, deflateRawSync } from "node:zlib";

/** One entry as its writer wants it to look, however little that fits the others. */
export interface HostileEntry {
  name: string;
  bytes?: Buffer;
  /** Already packed, and what the directory says that it unpacks to. */
  packed?: { bytes: Buffer; unpackedBytes: number };
  /** So many bytes that its headers count and that are not in what is answered: the caller puts a hole there. */
  hole?: number;
  flags?: number;
  /** A Unix file mode. */
  mode?: number;
  /** Its own header leaves the sizes to an extra field, as ZIP64 does; the directory says them. */
  hidden?: boolean;
}

const UTF8 = 0x800;
const UNKNOWN = 0xffffffff;
const STORED = 0;
const DEFLATED = 8;

/** A ZIP archive of these entries, with whatever its writer wanted: no library would write some of them. */
export function hostileZip(entries: HostileEntry[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const entry of entries) {
    const { local, central } = writeEntry(entry, at);
    parts.push(local);
    directory.push(central);
    at += local.length + (entry.hole ?? 0);
  }
  const listing = Buffer.concat(directory);
  return Buffer.concat([...parts, listing, endOf(entries.length, at, listing.length)]);
}

function writeEntry(
  {
    name,
    bytes = Buffer.alloc(0),
    packed,
    hole,
    flags = 0,
    mode = 0o100_644,
    hidden,
  }: HostileEntry,
  at: number,
) {
  const content = packed?.bytes ?? bytes;
  const packedBytes = content.length + (hole ?? 0);
  const unpackedBytes = packed?.unpackedBytes ?? packedBytes;
  const encoded = Buffer.from(name);
  const facts = Buffer.alloc(26);
  facts.writeUInt16LE(45, 0);
  facts.writeUInt16LE(UTF8 | flags, 2);
  facts.writeUInt16LE(packed ? DEFLATED : STORED, 4);
  facts.writeUInt32LE(packed ? 0 : crc32(bytes), 10);
  facts.writeUInt32LE(Math.min(packedBytes, UNKNOWN), 14);
  facts.writeUInt32LE(Math.min(unpackedBytes, UNKNOWN), 18);
  facts.writeUInt16LE(encoded.length, 22);

  const sizes = Buffer.alloc(20);
  sizes.writeUInt16LE(1, 0);
  sizes.writeUInt16LE(16, 2);
  sizes.writeBigUInt64LE(BigInt(unpackedBytes), 4);
  sizes.writeBigUInt64LE(BigInt(packedBytes), 12);
  const own = Buffer.from(facts);
  if (hidden || hole !== undefined) {
    own.writeUInt32LE(UNKNOWN, 14);
    own.writeUInt32LE(UNKNOWN, 18);
    own.writeUInt16LE(sizes.length, 24);
  }
  const local = [
    Buffer.from("PK\u0003\u0004"),
    own,
    encoded,
    ...(own.readUInt16LE(24) > 0 ? [sizes] : []),
    content,
  ];

  const isLarge = hole !== undefined || unpackedBytes >= UNKNOWN;
  if (isLarge) {
    facts.writeUInt32LE(UNKNOWN, 14);
    facts.writeUInt32LE(UNKNOWN, 18);
    facts.writeUInt16LE(sizes.length, 24);
  }
  const rest = Buffer.alloc(14);
  rest.writeUInt32LE(mode * 0x10000, 6);
  rest.writeUInt32LE(at, 10);
  const madeOnUnix = Buffer.from([45, 3]);
  const central = [Buffer.from("PK\u0001\u0002"), madeOnUnix, facts, rest, encoded];
  return {
    local: Buffer.concat(local),
    central: Buffer.concat([...central, ...(isLarge ? [sizes] : [])]),
  };
}

function endOf(entries: number, at: number, listingBytes: number): Buffer {
  const wide = Buffer.alloc(56);
  wide.writeUInt32LE(0x06064b50, 0);
  wide.writeBigUInt64LE(44n, 4);
  wide.writeUInt16LE(45, 12);
  wide.writeUInt16LE(45, 14);
  wide.writeBigUInt64LE(BigInt(entries), 24);
  wide.writeBigUInt64LE(BigInt(entries), 32);
  wide.writeBigUInt64LE(BigInt(listingBytes), 40);
  wide.writeBigUInt64LE(BigInt(at), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(at + listingBytes), 8);
  locator.writeUInt32LE(1, 16);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Math.min(entries, 0xffff), 8);
  end.writeUInt16LE(Math.min(entries, 0xffff), 10);
  end.writeUInt32LE(listingBytes, 12);
  end.writeUInt32LE(Math.min(at, UNKNOWN), 16);
  return Buffer.concat([...(entries >= 0xffff || at >= UNKNOWN ? [wide, locator] : []), end]);
}

const BLOCK_BYTES = 64 * 1024 * 1024;

/** Zeros that unpack to `blocks` times 64 MiB and take a thousandth of it: the same packed block again and again. */
export function packedZeros(blocks: number): { bytes: Buffer; unpackedBytes: number } {
  const flush = { finishFlush: constants.Z_FULL_FLUSH };
  const block = deflateRawSync(Buffer.alloc(BLOCK_BYTES), flush);
  const last = deflateRawSync(Buffer.alloc(0));
  const all = Array.from<Buffer>({ length: blocks }).fill(block);
  return { bytes: Buffer.concat([...all, last]), unpackedBytes: blocks * BLOCK_BYTES };
}

/** An archive in an archive in an archive, so many deep. */
export function nestedZip(depth: number, inmost: Buffer): Buffer {
  let bytes = inmost;
  for (let level = 0; level < depth; level++) bytes = hostileZip([{ name: `${level}.zip`, bytes }]);
  return bytes;
}
