// The HARDEN_COMMAND of tests: node hardener.mjs {input} {output} FLAGS
//
// Adds an entry to the archive, so that what went through it can be told. It is as bad as the archive asks for by
// the name of an entry; some of that ends, or waits, with a file of the folder FLAGS.
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { crc32 } from "node:zlib";

const [input, output, flags] = process.argv.slice(2);
const archive = readFileSync(input);
const isAskedFor = (name) => archive.includes(name);
const isThere = (flag) => existsSync(join(flags, flag));
const untilGone = async (flag) => {
  while (isThere(flag)) await sleep(50);
};

if (isAskedFor("hardener-stubborn")) process.on("SIGTERM", () => {});
if (isAskedFor("hardener-forks")) {
  for (let count = 0; count < 3; count++) {
    spawn("sleep", ["600"], { detached: true, stdio: "inherit" }).unref();
  }
}
if (isAskedFor("hardener-floods")) {
  const line = Buffer.from(`${"flood ".repeat(170)}\n`.repeat(1000));
  for (let bytes = 0; bytes < 200_000_000; bytes += line.length) {
    if (!process.stdout.write(line)) await new Promise((go) => process.stdout.once("drain", go));
  }
}
if (isAskedFor("hold-in-harden") || isAskedFor("hardener-stubborn")) await untilGone("hold");
if (isAskedFor("hardener-fails") && isThere("broken")) {
  console.log("the licence server does not answer");
  process.exit(3);
}
if (isAskedFor("hardener-leaves-nothing")) process.exit(0);
writeFileSync(output, withEntry(archive, "hardened.txt", Buffer.from("hardened by a test\n")));
console.log("one entry was added");

/** APPNOTE 4.3: entries, then the directory that names them, then 22 bytes that say where that is. */
function withEntry(zip, name, content) {
  const end = zip.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
  const directoryBytes = zip.readUInt32LE(end + 12);
  const directoryAt = zip.readUInt32LE(end + 16);
  const count = zip.readUInt16LE(end + 10) + 1;

  const facts = Buffer.alloc(26);
  facts.writeUInt16LE(20, 0);
  facts.writeUInt16LE(0x21, 8);
  facts.writeUInt32LE(crc32(content), 10);
  facts.writeUInt32LE(content.length, 14);
  facts.writeUInt32LE(content.length, 18);
  facts.writeUInt16LE(name.length, 22);
  const place = Buffer.alloc(14);
  place.writeUInt32LE(directoryAt, 10);
  const local = Buffer.concat([Buffer.from("PK\x03\x04", "latin1"), facts, Buffer.from(name)]);
  const entry = Buffer.concat([
    Buffer.from("PK\x01\x02\x14\x00", "latin1"),
    facts,
    place,
    Buffer.from(name),
  ]);

  const newEnd = Buffer.from(zip.subarray(end, end + 20));
  newEnd.writeUInt16LE(count, 8);
  newEnd.writeUInt16LE(count, 10);
  newEnd.writeUInt32LE(directoryBytes + entry.length, 12);
  newEnd.writeUInt32LE(directoryAt + local.length + content.length, 16);
  const directory = zip.subarray(directoryAt, directoryAt + directoryBytes);
  const before = zip.subarray(0, directoryAt);
  return Buffer.concat([before, local, content, directory, entry, newEnd, Buffer.alloc(2)]);
}
