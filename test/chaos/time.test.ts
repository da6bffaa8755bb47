import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, Connection } from "@temporalio/client";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Database } from "../../models/database.ts";
import { openSchedules } from "../../platform/schedules.ts";
import { makeZip } from "../../scripts/demo/sample-package.ts";
import { ask, openBeside } from "../support/leftovers.ts";
import { watchLink } from "../support/link-watch.ts";
import type { PackageClient } from "../support/package-client.ts";
import { uploadForm } from "../support/packages.ts";
import { type Platform, startPlatform } from "../support/platform.ts";
import { makeMarkedZip, rigTools, type RiggedTools } from "../support/rigged-tools.ts";
import { until } from "../support/until.ts";

// What is to happen at a time, or after something else, happens so though everything is killed or slow.

/** How late it may be after an outage, counted from when the platform says that it is ready again. */
const LATEST_MS = 5_000;

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

const pathOf = (id: string, rest = "") => `/api/v1/packages/${id}${rest}`;

/** A package whose versions are published one after the other; answers its public id. */
async function publishAll(name: string, versions: readonly string[]): Promise<string> {
  const [first = "", ...others] = versions;
  const order = await client.upload(await makeZip(), name, first);
  await client.succeeds(order);
  for (const version of others) {
    await client.succeeds(await client.replace(order.id, await makeZip(), version));
  }
  return order.id;
}

async function draft(id: string, version: string): Promise<void> {
  const { bytes } = await makeZip();
  const form = uploadForm({ version, draft: "true" }, { bytes, name: "app.zip" });
  const { body } = await client.call("POST", pathOf(id, "/versions"), { form });
  await client.succeeds({ id, run: body.run.id });
}

/** Kills everything, waits until `moment` has passed, starts again; answers when all was ready again. */
async function failOver(moment: number): Promise<number> {
  await platform.crash();
  await sleep(Math.max(moment - Date.now(), 0));
  const ready = until(
    () =>
      fetch(`${platform.address}/ready`).then(
        ({ ok }) => ok,
        () => false,
      ),
    120_000,
  ).then(() => Date.now());
  await platform.start();
  return ready;
}

test("publications and graces whose time came in an outage happen once, in order, within seconds of being ready again", async () => {
  const timed = await publishAll("timed", ["1.0.0"]);
  for (const version of ["2.0.0", "3.0.0"]) await draft(timed, version);
  const graced = await publishAll("graced", ["1.0.0", "2.0.0"]);
  const removedAddress = `${platform.address}/dist/${graced}/v/1.0.0/demo.zip`;
  const begun = Date.now();
  const grace = { retained_versions: 1, grace_hours: 20 / 3600 };
  await client.call("PATCH", pathOf(graced), { json: grace });
  for (const [version, seconds] of [
    ["2.0.0", 10],
    ["3.0.0", 12],
  ] as const) {
    const json = { at: new Date(begun + seconds * 1000).toISOString() };
    const { status } = await client.call("POST", pathOf(timed, `/versions/${version}/publish`), {
      json,
    });
    expect(status).toBe(202);
  }
  expect((await fetch(removedAddress)).status).toBe(200);

  const readyAt = await failOver(begun + 22_000);
  const isLive = async () =>
    (await client.call("GET", pathOf(timed))).body.live_version === "3.0.0";
  const isGone = async () => (await fetch(removedAddress)).status === 410;
  const late = await Promise.all(
    [isLive, isGone].map(async (happened) => {
      await until(happened, 60_000);
      return Date.now() - readyAt;
    }),
  );

  console.log(`after ready: live ${late[0]} ms, removed ${late[1]} ms`);
  expect(Math.max(...late)).toBeLessThanOrEqual(LATEST_MS);
  const runs = await ask<{ version: string; state: string }>(
    database,
    `SELECT v.version, r.state FROM package_runs r JOIN package_versions v ON v.id = r.version_id
     WHERE r.kind = 'publish' ORDER BY r.number`,
  );
  expect(runs.map(({ version }) => version)).toEqual(["2.0.0", "3.0.0"]);
  expect(runs.map(({ state }) => state)).toEqual([
    expect.stringMatching(/^(succeeded|superseded)$/),
    "succeeded",
  ]);
  const published = await ask<{ after: string }>(
    database,
    "SELECT after FROM audit_entries WHERE action = 'packages.published'",
  );
  expect(published.filter(({ after }) => after.includes('"3.0.0"'))).toHaveLength(1);
  const removals = "SELECT id FROM audit_entries WHERE action = 'packages.versions-removed'";
  expect(await ask(database, removals)).toHaveLength(1);
});

test("of the ticks of an outage exactly one fires, and no two builds are ordered at once", async () => {
  const EVERY_SECONDS = 10;
  const id = await publishAll("scheduled", ["1.0.0"]);
  const { status } = await client.call("PUT", pathOf(id, "/schedule"), {
    json: { interval_seconds: 3600 },
  });
  expect(status).toBe(200);
  await until(
    async () => (await client.call("GET", pathOf(id, "/schedule"))).body.state === "applied",
  );
  const [row] = await ask<{ id: string }>(database, `SELECT id FROM packages WHERE serial = ${id}`);
  const connection = await Connection.connect({ address: platform.temporalAddress });
  const { schedule, workflow } = new Client({ connection, namespace: "longhaul" });
  const tick = `package/${row!.id}/tick`;
  // More often than the API allows, so that this test ends.
  await openSchedules({ schedule }).apply({
    id: tick,
    everySeconds: EVERY_SECONDS,
    anchorMs: Date.now(),
    isPaused: false,
    workflow: "packageTick",
    input: { packageId: row!.id },
    summary: "a tick of the tests",
    kind: "tick",
    subject: id,
  });
  const taken = async () =>
    (await schedule.getHandle(tick).describe()).info.recentActions.map(({ scheduledAt }) =>
      scheduledAt.getTime(),
    );
  await until(async () => (await taken()).length > 0, 30_000);
  // A tick that is not over when the outage comes would leave the others out, and rightly so.
  const rests = async () => {
    const { info } = await schedule.getHandle(tick).describe();
    const { workflowId } = info.recentActions.at(-1)!.action.workflow;
    return (await workflow.getHandle(workflowId).describe()).status.name !== "RUNNING";
  };
  await until(rests, 60_000);

  const downAt = Date.now();
  const readyAt = await failOver(downAt + 3.5 * EVERY_SECONDS * 1000);
  const inOutage = async () => (await taken()).filter((at) => at > downAt + 1_000 && at < readyAt);
  // The next tick after the outage has come: what was to be made up for was made up for.
  await until(async () => (await taken()).some((at) => at >= readyAt), 60_000);

  const missed = await inOutage();
  console.log(`down for ${readyAt - downAt} ms, ${missed.length} tick made up for`);
  await connection.close();
  expect(missed).toHaveLength(1);
  const runs = await ask<{ started_at: string; ended_at: string }>(
    database,
    `SELECT started_at, ended_at FROM package_runs WHERE kind = 'rebuild' ORDER BY created_at`,
  );
  const overlaps = runs.filter(
    ({ started_at: start }, n) => n > 0 && start && start < runs[n - 1]!.ended_at,
  );
  expect(overlaps).toEqual([]);
});

test("of two runs that end in the wrong order the one that was submitted later stays live", async () => {
  const id = await publishAll("wrong order", ["1.0.0"]);
  await tools.hold();
  const slow = await client.replace(id, await makeMarkedZip(["hold-in-harden"]), "2.0.0");
  await client.reaches(slow, "running");
  await client.succeeds(await client.replace(id, await makeZip(), "3.0.0"));
  const watch = watchLink(client.link(id));

  await tools.letGo();
  const { reason } = await client.reaches(slow, "superseded");

  const { body } = await client.call("GET", pathOf(id));
  const { digests, wrong, absent } = await watch.stop();
  expect(body.live_version).toBe("3.0.0");
  expect(reason).toMatch(/later/);
  expect({ wrong, absent, digests: [...new Set(digests)] }).toEqual({
    wrong: [],
    absent: 0,
    digests: [body.sha256],
  });
});
