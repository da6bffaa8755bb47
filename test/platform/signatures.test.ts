import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readSignatures } from "../../platform/signatures.ts";

async function folderWith(files: Record<string, string>) {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-signatures-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

const container = (version: number, body: string) =>
  `ClamAV-VDB:21 Nov 2026 08-00 +0000:${version}:2000000:90:X:dsig:builder:1`.padEnd(512) + body;

test("names the signatures as people know them", async () => {
  const folder = await folderWith({
    "daily.cvd": container(27_500, "…"),
    "main.cld": container(62, "…"),
    "own.ndb": "A:0:*:00",
    "freshclam.dat": "when it was fetched",
  });

  expect((await readSignatures(folder)).names).toBe("daily 27500, main 62, own.ndb");
});

test("is the same on every machine, and another one as soon as a signature is", async () => {
  const files = { "daily.cvd": container(1, "a"), "own.ndb": "A:0:*:00" };
  const folder = await folderWith(files);
  const { digest } = await readSignatures(folder);
  const elsewhere = await folderWith(files);
  await utimes(join(elsewhere, "own.ndb"), 1, 1);

  expect((await readSignatures(elsewhere)).digest).toBe(digest);
  await writeFile(join(elsewhere, "freshclam.dat"), "fetched again");
  expect((await readSignatures(elsewhere)).digest).toBe(digest);
  await writeFile(join(elsewhere, "own.ndb"), "A:0:*:01");
  expect((await readSignatures(elsewhere)).digest).not.toBe(digest);
  await writeFile(join(folder, "daily.cvd"), container(2, "a"));
  expect((await readSignatures(folder)).digest).not.toBe(digest);
});
