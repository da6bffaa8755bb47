import { describe, expect, test } from "vitest";
import { look, type LinkSeen } from "../../link-watch.ts";
import type { Accepted, Run } from "../../package-client.ts";
import { digestOf } from "../../packages.ts";
import { makeMarkedZip } from "../../rigged-tools.ts";
import { until } from "../../until.ts";
import type { Installation } from "./installation.ts";
import { download } from "./processing.ts";

const GETS = 1000;
const READERS = 5;
const REPLACEMENTS = 20;

interface VersionShown {
  version: string;
  status: string;
  live: boolean;
  sha256: string;
}

/** What clients see of a package: a link that never changes, whatever is done behind it. */
export function describePublication(given: () => Installation): void {
  const upload = async (name: string): Promise<Accepted> => {
    const { client } = given();
    const order = await client.upload(await makeMarkedZip([]), name);
    await client.succeeds(order);
    return order;
  };
  const versionsOf = async (id: string): Promise<VersionShown[]> => {
    const { body } = await given().client.call("GET", `/api/v1/packages/${id}/versions?limit=100`);
    return body.items;
  };

  describe("the link", () => {
    test("shows what was uploaded last, and after a rollback what was shown before", async () => {
      const { client } = given();
      const { id } = await upload("replaced");
      const url = client.link(id);
      const one = await download(url);

      await client.succeeds(await client.replace(id, await makeMarkedZip([]), "2.0.0"));
      const two = await download(url);
      await client.succeeds(await client.rollBack(id, "1.0.0"));
      const three = await download(url);

      expect(two.equals(one)).toBe(false);
      expect(three.equals(one)).toBe(true);
      const { body } = await client.call("GET", `/api/v1/packages/${id}/runs`);
      expect(
        (body.items as { kind: string; version: string }[]).map((run) => [run.kind, run.version]),
      ).toEqual([
        ["rollback", "1.0.0"],
        ["upload", "2.0.0"],
        ["upload", "1.0.0"],
      ]);
    });

    test("answers HEAD, ranges and conditions as the standard says", async () => {
      const { client } = given();
      const { id } = await upload("asked in many ways");
      const url = client.link(id);
      const whole = await download(url);
      const etag = `"${digestOf(whole)}"`;

      const head = await fetch(url, { method: "HEAD" });
      const range = await fetch(url, { headers: { range: "bytes=100-199" } });
      const known = await fetch(url, { headers: { "if-none-match": etag } });

      expect(head.status).toBe(200);
      expect(head.headers.get("etag")).toBe(etag);
      expect(head.headers.get("content-length")).toBe(`${whole.length}`);
      expect(head.headers.get("cache-control")).toBe("public, max-age=60, must-revalidate");
      expect(range.status).toBe(206);
      expect(range.headers.get("content-range")).toBe(`bytes 100-199/${whole.length}`);
      expect(Buffer.from(await range.arrayBuffer())).toEqual(whole.subarray(100, 200));
      expect(known.status).toBe(304);
    });

    test("is told to clients with everything that belongs to it", async () => {
      const { client } = given();
      const original = await makeMarkedZip([]);
      const order = await client.upload(original, "asked for");
      await client.succeeds(order);

      const { body } = await client.call("GET", `/api/v1/package/query?package_name=asked%20for`);

      const bytes = await download(client.link(order.id));
      const { original_download_url: originalUrl, ...told } = body.data;
      expect(body).toMatchObject({ code: 200, message: expect.any(String) });
      expect(told).toEqual({
        package_id: order.id,
        package_name: "asked for",
        package_type: "zip",
        version: "1.0.0",
        status: "processed_success",
        download_url: client.link(order.id),
        file_size: bytes.length,
        sha256: digestOf(bytes),
        original_package_version: "1.0.0",
        expire_time: "",
      });
      expect((await download(originalUrl)).equals(original.bytes)).toBe(true);
    });

    test(`shows one whole version in each of ${GETS} answers while it is replaced ${REPLACEMENTS} times`, async () => {
      const { client } = given();
      const { id } = await upload("replaced all the time");
      const seen: LinkSeen = { digests: [], absent: 0, unanswered: 0, wrong: [] };
      const replaced = new AbortController();
      const read = async (_: unknown, reader: number) => {
        while (!replaced.signal.aborted || seen.digests.length < GETS) {
          await look(client.link(id, "zip", reader), seen);
        }
      };

      const reading = Promise.all(Array.from({ length: READERS }, read));
      for (let number = 1; number <= REPLACEMENTS; number++) {
        const order = await client.replace(id, await makeMarkedZip([]), `2.${number}`);
        await client.succeeds(order);
      }
      replaced.abort();
      await reading;

      const { digests, ...faults } = seen;
      expect(faults).toEqual({ absent: 0, unanswered: 0, wrong: [] });
      expect(digests.length).toBeGreaterThanOrEqual(GETS);
      const published = new Set((await versionsOf(id)).map(({ sha256 }) => sha256));
      expect(new Set(digests)).toEqual(published);
    });
  });

  describe("a package", () => {
    test(`that ${REPLACEMENTS} uploads replace at once keeps them all and shows the last accepted`, async () => {
      const { client } = given();
      const { id } = await upload("fought over");
      const files = await Promise.all(
        Array.from({ length: REPLACEMENTS }, () => makeMarkedZip([])),
      );

      const orders = await Promise.all(
        files.map((file, number) => client.replace(id, file, `2.${number}`)),
      );
      const runs = await Promise.all(orders.map((order) => ended(given(), order)));

      const { body } = await client.call("GET", `/api/v1/packages/${id}/runs?limit=100`);
      const last = body.items[0] as Run;
      const versions = await versionsOf(id);
      const live = versions.filter((one) => one.live);
      expect(versions.map(({ status }) => status)).toEqual(versions.map(() => "ready"));
      expect(versions).toHaveLength(REPLACEMENTS + 1);
      expect(live.map(({ version }) => version)).toEqual([last.version]);
      expect(digestOf(await download(client.link(id)))).toBe(live[0]!.sha256);
      expect(last.status).toBe("succeeded");
      for (const { status, reason } of runs) {
        expect(["succeeded", "superseded"], reason ?? "").toContain(status);
      }
    });
  });
}

async function ended({ client }: Installation, order: Accepted): Promise<Run> {
  let run: Run | undefined;
  await until(async () => {
    run = await client.run(order);
    return ["succeeded", "superseded", "failed", "cancelled"].includes(run.status);
  }, 120_000);
  return run!;
}
