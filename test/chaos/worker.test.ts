import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { fixedPath, STABLE } from "../../domain/packages.ts";
import type { Database } from "../../models/database.ts";
import { type Edge, startEdge } from "../support/edge.ts";
import { ask, findScratch, openBeside } from "../support/leftovers.ts";
import { watchLink } from "../support/link-watch.ts";
import type { Accepted, PackageClient, Run } from "../support/package-client.ts";
import { makePlatform, type Platform } from "../support/platform.ts";
import { makeMarkedApk, rigTools, type RiggedTools } from "../support/rigged-tools.ts";
import { until } from "../support/until.ts";

// The worker of one platform is killed in every step of a package's way.

/** Which program works in which step. */
const TOOLS = {
  metadata: "aapt",
  scan: "clamscan",
  harden: "hardener.mjs",
  align: "zipalign",
  sign: "apksigner",
} as const;

let toolFolder: string;
let tools: RiggedTools;
let edge: Edge;
let platform: Platform;
let client: PackageClient;
let database: Database;

beforeAll(async () => {
  toolFolder = await mkdtemp(join(tmpdir(), "longhaul-tools-"));
  tools = await rigTools(toolFolder);
  edge = await startEdge();
  platform = await makePlatform({
    ...tools.variables,
    BUILD_SLOTS: "8",
    PURGE_URL: `${edge.url}/purge`,
    PUBLICATION_CHECK_URL: edge.url,
  });
  edge.origin = platform.address;
  await platform.start();
  client = await platform.open();
  database = await openBeside(platform);
});

afterAll(async () => {
  await database?.close();
  await platform?.remove();
  await edge?.close();
  await rm(toolFolder, { recursive: true, force: true });
});

afterEach(async () => {
  edge.letGo();
  await tools.letGo();
});

/** A package whose first version is on the link. */
async function publish(name: string): Promise<string> {
  const order = await client.upload(await makeMarkedApk(), name);
  await client.succeeds(order);
  return order.id;
}

/** How often each step was begun. */
function attemptsOf({ steps }: Run): Record<string, number> {
  return Object.fromEntries(steps.map(({ name, attempts }) => [name, attempts]));
}

const ONCE = {
  metadata: 1,
  scan: 1,
  harden: 1,
  align: 1,
  sign: 1,
  verify: 1,
  checksums: 1,
  switch: 1,
  purge: 1,
  check: 1,
};

async function toolsAtWork(): Promise<string[]> {
  const words = (await platform.processes()).flatMap((one) => one.arguments);
  return Object.values(TOOLS).filter((tool) => words.some((word) => word.endsWith(`/${tool}`)));
}

/** Kills the worker as soon as the step's row says that it runs; false when the step was quicker. */
async function killWorkerIn(step: string, { run }: Accepted): Promise<boolean> {
  const worker = await platform.find("worker");
  const question = `SELECT state FROM package_steps WHERE run_id = '${run}' AND name = '${step}'`;
  for (const end = Date.now() + 60_000; Date.now() < end;) {
    const [row] = await ask<{ state: string }>(database, question);
    if (!row) continue;
    if (row.state !== "running") return false;
    process.kill(worker!.pid, "SIGKILL");
    return true;
  }
  throw new Error(`${step} was never begun`);
}

test("a worker killed in the middle of metadata, scan, harden, align and sign begins just those steps again", async () => {
  await tools.hold();
  const steps = Object.keys(TOOLS) as (keyof typeof TOOLS)[];
  const orders = await Promise.all(
    steps.map(async (step) => {
      const tool = TOOLS[step].replace("hardener.mjs", "harden");
      return client.upload(await makeMarkedApk(`hold-in-${tool}`), `killed in ${step}`);
    }),
  );
  const watches = orders.map(({ id }) => watchLink(client.link(id, "apk")));
  await until(async () => (await toolsAtWork()).length === steps.length, 60_000);

  const killedAt = performance.now();
  await platform.kill("worker");
  await tools.letGo();

  const runs = await Promise.all(orders.map((order) => client.succeeds(order)));
  console.log(`recovered after ${Math.round(performance.now() - killedAt)} ms`);
  const seen = await Promise.all(watches.map((watch) => watch.stop()));
  for (const [index, step] of steps.entries()) {
    expect(attemptsOf(runs[index]!), step).toEqual({ ...ONCE, [step]: 2 });
    expect(seen[index], step).toMatchObject({ wrong: [], unanswered: 0 });
    expect(seen[index]!.absent, step).toBeGreaterThan(0);
    expect(new Set(seen[index]!.digests).size, step).toBeLessThanOrEqual(1);
  }
  expect(await toolsAtWork()).toEqual([]);
  expect(await findScratch(platform)).toEqual([]);
});

test.each(["checksums", "switch"])("a worker killed in %s begins it again", async (step) => {
  const id = await publish(`killed in ${step}`);
  const watch = watchLink(client.link(id, "apk"));

  let hit: Run | undefined;
  for (let version = 1; !hit && version <= 10; version++) {
    const order = await client.replace(id, await makeMarkedApk(), `2.${version}`);
    const killed = await killWorkerIn(step, order);
    const run = await client.succeeds(order);
    // The step may have ended in the moment before the signal came.
    if (killed && attemptsOf(run)[step]! > 1) hit = run;
  }

  expect(hit && attemptsOf(hit)).toEqual({ ...ONCE, [step]: 2 });
  const { wrong, unanswered, absent, digests } = await watch.stop();
  expect({ wrong, unanswered, absent }).toEqual({ wrong: [], unanswered: 0, absent: 0 });
  const { body } = await client.call("GET", `/api/v1/packages/${id}`);
  expect(digests.at(-1)).toBe(body.sha256);
  expect(body.live_version).toBe(hit!.version);
});

test("a worker killed in purge and in check begins them again; the link shows the new bytes all the while", async () => {
  const [purged, checked] = [await publish("killed in purge"), await publish("killed in check")];
  const before = edge.purged(fixedPath(purged, STABLE, "apk"));
  const arrivals = [
    edge.hold("purge", fixedPath(purged, STABLE, "apk")),
    edge.hold("show", fixedPath(checked, STABLE, "apk")),
  ];
  const watches = [purged, checked].map((id) => watchLink(client.link(id, "apk")));
  const orders = await Promise.all(
    [purged, checked].map(async (id) => client.replace(id, await makeMarkedApk(), "2.0.0")),
  );
  await Promise.all(arrivals);

  await platform.kill("worker");
  edge.letGo();

  const [purgedRun, checkedRun] = await Promise.all(orders.map((order) => client.succeeds(order)));
  expect(attemptsOf(purgedRun!)).toEqual({ ...ONCE, purge: 2 });
  expect(attemptsOf(checkedRun!)).toEqual({ ...ONCE, check: 2 });
  expect(edge.purged(fixedPath(purged, STABLE, "apk"))).toBe(before + 1);
  for (const watch of watches) {
    const { digests, ...rest } = await watch.stop();
    expect(rest).toEqual({ wrong: [], unanswered: 0, absent: 0 });
    expect(new Set(digests).size).toBe(2);
  }
});
