import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Database } from "../../models/database.ts";
import { openDiskStore } from "../../platform/objects/disk.ts";
import { makeZip } from "../../scripts/demo/sample-package.ts";
import {
  ask,
  compareObjects,
  findLeftovers,
  letMinutesPass,
  openBeside,
} from "../support/leftovers.ts";
import { watchLink } from "../support/link-watch.ts";
import type { PackageClient } from "../support/package-client.ts";
import { type Platform, startPlatform } from "../support/platform.ts";
import {
  makeMarkedApk,
  makeMarkedZip,
  rigTools,
  type RiggedTools,
} from "../support/rigged-tools.ts";
import { until } from "../support/until.ts";

// Whatever of a platform is killed, in the middle of whatever it does: what was accepted comes to its right end.

const MiB = 1024 * 1024;

let toolFolder: string;
let tools: RiggedTools;
let platform: Platform;
let client: PackageClient;
let database: Database;

beforeAll(async () => {
  toolFolder = await mkdtemp(join(tmpdir(), "longhaul-tools-"));
  tools = await rigTools(toolFolder);
  platform = await startPlatform(tools.variables);
  client = await platform.open();
  database = await openBeside(platform);
});

afterAll(async () => {
  await database?.close();
  await platform?.remove();
  await rm(toolFolder, { recursive: true, force: true });
});

afterEach(() => tools.letGo());

/** Begins an upload that says it has 64 MiB and sends 8; resolves when the connection has ended. */
function beginUpload(key: string): Promise<void> {
  return new Promise((resolve) => {
    const boundary = "chaos";
    const upload = request(`${platform.address}/api/v1/packages`, {
      method: "POST",
      headers: {
        "content-type": `multipart/form-data; boundary=${boundary}`,
        "content-length": 64 * MiB,
        "x-api-key": key,
      },
    });
    upload.on("error", () => resolve());
    upload.on("close", () => resolve());
    const field = (name: string) =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"`;
    upload.write(`${field("name")}\r\n\r\nbroken off\r\n${field("version")}\r\n\r\n1.0.0\r\n`);
    upload.write(`${field("file")}; filename="app.zip"\r\n\r\n`);
    upload.write(Buffer.alloc(8 * MiB));
  });
}

async function stagedKeys(): Promise<string[]> {
  const rows = await ask<{ key: string }>(database, "SELECT `key` FROM staged_objects");
  return rows.map(({ key }) => key);
}

/** Everything that is stored for packages. */
async function storedKeys(): Promise<string[]> {
  const keys: string[] = [];
  const store = await openDiskStore(join(platform.folder, "objects"));
  for await (const { key } of store.list("packages/")) keys.push(key);
  return keys;
}

/** What is left a while after everything was broken off and has come to its end. */
async function findRubbish(): Promise<unknown> {
  await letMinutesPass(platform, database, 2);
  await platform.stop();
  await platform.start();
  const gone = async () => (await findLeftovers(platform, database)).length === 0;
  await until(gone, 30_000).catch(() => {});
  return {
    leftovers: await findLeftovers(platform, database),
    ...(await compareObjects(await storedKeys(), database)),
  };
}

const NOTHING = { leftovers: [], unexplained: [], missing: [] };

describe("the API", () => {
  test("killed in the middle of an upload it keeps nothing of it, and takes the next one", async () => {
    const upload = beginUpload(client.secrets[0]!);
    await until(async () => (await stagedKeys()).length === 1);

    await platform.kill("api");
    await upload;

    await until(() =>
      client.call("GET", "/api/v1/packages").then(
        ({ status }) => status === 200,
        () => false,
      ),
    );
    const next = await client.upload(await makeZip(), "broken off");
    await client.succeeds(next);
    expect(await stagedKeys()).toHaveLength(1);
    expect(await findRubbish()).toEqual(NOTHING);
  });
});

describe("Temporal", () => {
  test("killed again and again for ten seconds it delays what is under way and what is accepted meanwhile", async () => {
    await tools.hold();
    const underWay = await client.upload(await makeMarkedZip(["hold-in-harden"]), "under way");
    await client.reaches(underWay, "running");

    let kills = 0;
    for (const end = Date.now() + 10_000; Date.now() < end; await sleep(100)) {
      const killed = await platform.kill("temporal").then(
        () => 1,
        () => 0,
      );
      kills += killed;
    }
    const accepted = await client.upload(await makeZip(), "accepted meanwhile");
    await tools.letGo();

    expect(kills).toBeGreaterThan(1);
    expect((await client.succeeds(underWay, 120_000)).status).toBe("succeeded");
    expect((await client.succeeds(accepted, 120_000)).status).toBe("succeeded");
  });
});

describe("the supervisor", () => {
  test("killed with -9 it takes everything that it started along", async () => {
    await tools.hold();
    const order = await client.upload(await makeMarkedZip(["hold-in-harden"]), "without a keeper");
    const working = async () =>
      (await platform.processes()).some(({ arguments: words }) =>
        words.some((word) => word.endsWith("hardener.mjs")),
      );
    await until(working);

    const killedAt = performance.now();
    process.kill(platform.supervisor().pid, "SIGKILL");
    await until(async () => (await platform.processes()).length === 0, 10_000);

    console.log(`all was gone after ${Math.round(performance.now() - killedAt)} ms`);
    await tools.letGo();
    await platform.start();
    expect((await client.succeeds(order)).status).toBe("succeeded");
  });
});

describe("everything at once", () => {
  test("killed in the middle of a run it goes on after the next start, and the link is never half published", async () => {
    const first = await client.upload(await makeMarkedApk(), "crashes");
    await client.succeeds(first);
    const watch = watchLink(client.link(first.id, "apk"));
    await tools.hold();
    const held = await client.replace(first.id, await makeMarkedApk("hold-in-apksigner"), "2.0.0");
    const signs = async () =>
      (await client.run(held)).steps.some(
        ({ name, status }) => name === "sign" && status === "running",
      );
    await until(signs);
    const upload = beginUpload(client.secrets[0]!);
    await until(async () => (await stagedKeys()).length === 1);

    await platform.crash();
    await upload;
    await tools.letGo();
    await platform.start();

    const run = await client.succeeds(held);
    const { wrong, absent, digests, unanswered } = await watch.stop();
    expect({ wrong, absent }).toEqual({ wrong: [], absent: 0 });
    expect(unanswered).toBeGreaterThan(0);
    expect(new Set(digests).size).toBe(2);
    expect(run.steps.map(({ status }) => status)).toEqual(run.steps.map(() => "succeeded"));
    expect(await findRubbish()).toEqual(NOTHING);
  });
});
