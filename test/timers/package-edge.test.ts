import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { RunOrder } from "../../activities/packages/contract.ts";
import { fixedPath, type RunState, STABLE } from "../../domain/packages.ts";
import { QUEUES } from "../../domain/queues.ts";
import { PackageChannel, PackageRun } from "../../models/packages/index.ts";
import { openEdge } from "../../platform/edge/index.ts";
import { resolveParked } from "../../workflows/helpers/parking.ts";
import { packageLine, replacePackage } from "../../workflows/packages/index.ts";
import { ADMIN, startApi } from "../support/api.ts";
import { accept, type Accepted, logOf, openBench } from "../support/package-bench.ts";
import { digestOf, uploadForm, zipOf } from "../support/packages.ts";
import { type Cloudflare, fault, startCloudflare } from "../support/stand-ins/cloudflare.ts";
import { seenAt } from "../support/stand-ins/edge-cache.ts";
import { type TimeSkippingBench, withTimeSkipping } from "../support/temporal.ts";
import { until } from "../support/until.ts";

// The real workflow and the real activities, with Cloudflare's stand-in before the real API.

const AWAY = fault(503, 1000, "Try again later");

interface Scene {
  cloudflare: Cloudflare;
  first: Accepted;
  /** The link as clients reach it. */
  url: string;
  sleep: TimeSkippingBench["sleep"];
  begin: (order: RunOrder) => Promise<void>;
  /** Uploads another version; answers its order and its digest. */
  upload: (version: string) => Promise<{ order: RunOrder; sha256: string }>;
  decide: (action: "retry" | "abort") => Promise<void>;
}

/** A package whose first upload was accepted, and that `begin` builds and publishes. */
async function withEdge(body: (scene: Scene) => Promise<void>): Promise<void> {
  const cloudflare = await startCloudflare();
  const { url: publicUrl } = cloudflare;
  const settings = { publicUrl, publicationCheckUrl: publicUrl };
  const bench = await openBench(() => ({}), settings, openEdge(cloudflare.settings));
  const { database, objects } = bench;
  const api = await startApi({ services: { database, objects } });
  cloudflare.origin = api.address;
  const first = await accept(bench);
  const { packageId, order } = first;
  const upload = async (version: string) => {
    const bytes = await zipOf({ "a.txt": version });
    const form = uploadForm({ version }, { bytes, name: "app.zip" });
    const { body: said } = await api.call(ADMIN, "POST", "/api/v1/packages/1001/versions", {
      form,
    });
    const run = await PackageRun.findByPk(said.run.id, { rejectOnEmpty: true });
    const { id: runId, versionId, number } = run;
    return { order: { ...order, runId, versionId, number }, sha256: digestOf(bytes) };
  };
  await withTimeSkipping(bench.activities, async ({ client, sleep }) => {
    const handle = await client.workflow.start(packageLine, {
      taskQueue: QUEUES.orchestrator,
      workflowId: randomUUID(),
      args: [{ packageId, serial: "1001" }],
    });
    await body({
      cloudflare,
      first,
      url: publicUrl + fixedPath("1001", STABLE, "zip"),
      sleep,
      upload,
      begin: (one) => handle.executeUpdate(replacePackage, { args: [one] }),
      decide: (action) =>
        handle.executeUpdate(resolveParked, { args: [{ action, reason: "a test", by: "admin" }] }),
    });
  });
}

/** Lets time pass until a run stands so. */
async function reaches({ sleep }: Scene, runId: string, state: RunState): Promise<PackageRun> {
  let run: PackageRun | null = null;
  await until(async () => {
    await sleep("5 seconds");
    run = await PackageRun.findByPk(runId);
    return run?.state === state;
  }, 60_000);
  return run!;
}

describe("a publication behind Cloudflare", () => {
  test("counts when the edge shows the new digest", async () => {
    await withEdge(async (scene) => {
      const { cloudflare, first, url } = scene;

      await scene.begin(first.order);
      await reaches(scene, first.runId, "succeeded");

      expect(cloudflare.purges).toEqual([[url, url.replace("release", "stable")]]);
      expect(await seenAt(url)).toEqual({ status: 200, sha256: digestOf(first.bytes) });
    });
  });

  test("survives an edge that cannot be told for a while, without anybody's help", async () => {
    await withEdge(async (scene) => {
      const { cloudflare, first } = scene;
      cloudflare.instead(4, AWAY);

      await scene.begin(first.order);
      await reaches(scene, first.runId, "succeeded");

      expect(cloudflare.asked).toBe(5);
    });
  });

  test.each([
    ["is away", AWAY, /did not purge: 503 \(1000 Try again later\)/],
    ["says 200 and no success", fault(200, 1067, "No"), /did not purge: 200 \(1067 No\)/],
    [
      "refuses the token",
      fault(403, 10000, "Authentication error"),
      /refuses CLOUDFLARE_API_TOKEN/,
    ],
  ])(
    "is parked when the edge %s for ever; it says why, and goes on when a person says so",
    async (_, answer, said) => {
      await withEdge(async (scene) => {
        const { cloudflare, first, url } = scene;
        cloudflare.instead(1000, answer);
        await scene.begin(first.order);

        const parked = await reaches(scene, first.runId, "parked");
        const log = await logOf(first.runId);
        cloudflare.instead(0, answer);
        await scene.decide("retry");
        await reaches(scene, first.runId, "succeeded");

        expect(parked.reason).toMatch(said);
        expect(log).toMatch(/--- purge is parked: Cloudflare/);
        expect(await seenAt(url)).toEqual({ status: 200, sha256: digestOf(first.bytes) });
      });
    },
  );

  test("is parked while the edge goes on showing old bytes: what is recorded as live is what clients get", async () => {
    await withEdge(async (scene) => {
      const { cloudflare, first, url } = scene;
      await scene.begin(first.order);
      await reaches(scene, first.runId, "succeeded");
      const { order, sha256 } = await scene.upload("2.0.0");
      const live = () => PackageChannel.findOne({ where: { packageId: first.packageId } });

      cloudflare.isStubborn = true;
      await scene.begin(order);
      const parked = await reaches(scene, order.runId, "parked");
      const [shownThen, liveThen] = [await seenAt(url), await live()];
      cloudflare.isStubborn = false;
      await scene.decide("retry");
      await reaches(scene, order.runId, "succeeded");

      expect(parked.reason).toBe("The link still shows other bytes.");
      expect(shownThen.sha256).toBe(digestOf(first.bytes));
      expect(liveThen?.liveVersionId).toBe(first.versionId);
      expect((await seenAt(url)).sha256).toBe(sha256);
      expect((await live())?.liveVersionId).toBe(order.versionId);
    });
  });

  test("that a person gives up leaves the old bytes on the link, as soon as the edge hears of it", async () => {
    await withEdge(async (scene) => {
      const { cloudflare, first, url } = scene;
      await scene.begin(first.order);
      await reaches(scene, first.runId, "succeeded");
      const { order } = await scene.upload("2.0.0");

      cloudflare.instead(8, AWAY);
      await scene.begin(order);
      await reaches(scene, order.runId, "parked");
      await scene.decide("abort");
      await reaches(scene, order.runId, "cancelled");

      expect((await seenAt(url)).sha256).toBe(digestOf(first.bytes));
    });
  });
});
