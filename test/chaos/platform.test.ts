import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Database } from "../../models/database.ts";
import { makeZip } from "../../scripts/demo/sample-package.ts";
import { beginUpload } from "../support/broken-upload.ts";
import { ask, findRubbish, NOTHING_LEFT, openBeside } from "../support/leftovers.ts";
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

async function stagedKeys(): Promise<string[]> {
  const rows = await ask<{ key: string }>(database, "SELECT `key` FROM staged_objects");
  return rows.map(({ key }) => key);
}

describe("the API", () => {
  test("killed in the middle of an upload it keeps nothing of it, and takes the next one", async () => {
    const upload = beginUpload(platform.address, client.secrets[0]!);
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
    expect(await findRubbish(platform, database)).toEqual(NOTHING_LEFT);
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
    const upload = beginUpload(platform.address, client.secrets[0]!);
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
    expect(await findRubbish(platform, database)).toEqual(NOTHING_LEFT);
  });
});
