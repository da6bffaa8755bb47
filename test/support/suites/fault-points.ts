import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isFinal } from "../../../domain/packages.ts";
import type { FaultPoint } from "../../../platform/faults.ts";
import { makeZip } from "../../../scripts/demo/sample-package.ts";
import { look, type LinkSeen, watchLink } from "../link-watch.ts";
import type { Accepted, PackageClient, Run } from "../package-client.ts";
import { digestOf } from "../packages.ts";
import { makePlatform, type Platform } from "../platform.ts";
import { startEdge, type Edge } from "../edge.ts";
import { until } from "../until.ts";

/** From the moment at which the platform is ready again. */
const RECOVERY_MS = 30_000;

/** Kills the worker with -9 exactly at each of these points, while a client fetches the link again and again. */
export function faultPointSuite(points: readonly FaultPoint[]): void {
  let folder: string;
  let order: string;
  let platform: Platform;
  let client: PackageClient;
  let edge: Edge;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "longhaul-faults-"));
    order = join(folder, "order");
    edge = await startEdge();
    platform = await makePlatform({
      FAULT_ORDER: order,
      PURGE_URL: `${edge.url}/purge`,
      PUBLICATION_CHECK_URL: edge.url,
    });
    edge.origin = platform.address;
    await platform.start();
    client = await platform.open();
  });

  afterAll(async () => {
    await platform?.remove();
    await edge?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Lets the worker kill itself at this point of what `act` orders; resolves when another worker is ready. */
  async function killAt(point: FaultPoint, act: () => Promise<Accepted>): Promise<Accepted> {
    const before = await platform.find("worker");
    await writeFile(order, point);
    const accepted = await act();
    await until(() => !existsSync(order));
    await until(async () => {
      const worker = await platform.find("worker");
      return worker !== undefined && worker.pid !== before!.pid;
    });
    await until(async () => (await fetch(`${platform.address}/ready`)).ok);
    return accepted;
  }

  /** The run once it is over, or waits for a person. */
  async function settled(accepted: Accepted): Promise<Run> {
    let run = await client.run(accepted);
    await until(async () => {
      run = await client.run(accepted);
      return isFinal(run.status) || run.status === "parked";
    }, RECOVERY_MS);
    return run;
  }

  async function recorded(id: string) {
    const { body } = await client.call("GET", `/api/v1/packages/${id}`);
    return { version: body.live_version as string, sha256: body.sha256 as string };
  }

  test.each(points)("at %s the link is whole and the record is soon right", async (point) => {
    const [old, next] = [await makeZip(), await makeZip()];
    const first = await client.upload(old, `killed at ${point.replace("/", ", ")}`);
    await client.succeeds(first);
    const watch = watchLink(client.link(first.id));

    const replacement = await killAt(point, () => client.replace(first.id, next, "2.0.0"));
    const { status } = await settled(replacement);

    const shown: LinkSeen = { digests: [], absent: 0, unanswered: 0, wrong: [] };
    await look(client.link(first.id), shown);
    expect(status).toBe("succeeded");
    expect(shown.digests).toEqual([digestOf(next.bytes)]);
    expect(await recorded(first.id)).toEqual({ version: "2.0.0", sha256: shown.digests[0] });
    const { digests, ...rest } = await watch.stop();
    expect(rest).toEqual({ absent: 0, unanswered: 0, wrong: [] });
    // The old bytes, then the new ones, and never the old ones again.
    const changes = digests.filter((digest, at) => digest !== digests[at - 1]);
    expect([digestOf(old.bytes), digestOf(next.bytes)].slice(-changes.length)).toEqual(changes);
  });
}
