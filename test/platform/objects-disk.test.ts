import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { openDiskStore } from "../../platform/objects/disk.ts";
import { objectStoreSuite } from "../support/suites/object-store.ts";

const folders: string[] = [];

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-objects-"));
  folders.push(folder);
  return folder;
}

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

objectStoreSuite("objects on a disk", async () => openDiskStore(await newFolder()));
