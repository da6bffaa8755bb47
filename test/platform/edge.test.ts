import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { EdgeFailure, openEdge } from "../../platform/edge/index.ts";
import type { EdgeSettings } from "../../platform/env.ts";
import { type Cloudflare, fault, startCloudflare } from "../support/stand-ins/cloudflare.ts";

const signal = new AbortController().signal;

/** A service that answers every POST with this status; `bodies` are what it was told. */
async function startHook(status: number) {
  const bodies: string[] = [];
  const server = createServer((req, res) => {
    let body = "";
    req.on("data", (chunk: Buffer) => (body += chunk.toString()));
    req.on("end", () => {
      bodies.push(body);
      res.writeHead(status, { location: "http://127.0.0.1:1/" }).end();
    });
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies };
}

const purge = (settings: EdgeSettings | undefined, urls: string[]) =>
  openEdge(settings).purge(urls, { signal });

/** Why a purge failed. */
async function failureOf(settings: EdgeSettings, urls: string[]): Promise<string> {
  const error = await purge(settings, urls).catch((caught: unknown) => caught);
  if (error instanceof EdgeFailure) return error.message;
  throw new Error("the purge did not fail as an edge does", { cause: error });
}

describe("purging", () => {
  test("without an edge tells nobody, and says so", async () => {
    expect(await purge(undefined, ["https://dl.example/a"])).toBe(false);
  });

  test("by a hook names the addresses; anything but a 2xx is a failure", async () => {
    const [good, moved] = [await startHook(204), await startHook(302)];

    expect(await purge({ kind: "hook", url: good.url }, ["https://dl.example/a"])).toBe(true);

    expect(good.bodies).toEqual(['{"urls":["https://dl.example/a"]}']);
    expect(await failureOf({ kind: "hook", url: moved.url }, ["https://dl.example/a"])).toMatch(
      /cannot be reached|answered 302/,
    );
  });

  test("an edge that is not there is named", async () => {
    const { url } = { url: "http://127.0.0.1:1" };

    expect(await failureOf({ kind: "hook", url }, ["https://dl.example/a"])).toMatch(
      /^127\.0\.0\.1:1 cannot be reached/,
    );
  });
});

describe("Cloudflare", () => {
  const urlsOf = ({ url }: Cloudflare, count = 1) =>
    Array.from({ length: count }, (_, at) => `${url}/dist/1001/v/1.0.${at}/app.zip`);

  test("is told every address once, never more than thirty at a time", async () => {
    const cloudflare = await startCloudflare();
    const urls = urlsOf(cloudflare, 65);

    expect(await purge(cloudflare.settings, urls)).toBe(true);

    expect(cloudflare.purges.map((files) => files.length)).toEqual([30, 30, 5]);
    expect(cloudflare.purges.flat()).toEqual(urls);
  });

  test("that answers 200 without success has not purged, and its reason is told", async () => {
    const cloudflare = await startCloudflare();
    cloudflare.instead(1, fault(200, 1067, "Purge is not available for this zone"));

    expect(await failureOf(cloudflare.settings, urlsOf(cloudflare))).toBe(
      "Cloudflare did not purge: 200 (1067 Purge is not available for this zone).",
    );
  });

  test.each([
    ["a page in place of JSON", { status: 502, body: "<html>Bad gateway</html>" }],
    ["JSON of another shape", { status: 200, body: { ok: true } }],
    ["nothing", { status: 200, body: "" }],
  ])("that answers %s has not purged", async (_, answer) => {
    const cloudflare = await startCloudflare();
    cloudflare.instead(1, answer);

    expect(await failureOf(cloudflare.settings, urlsOf(cloudflare))).toBe(
      `Cloudflare did not purge: ${answer.status}.`,
    );
  });

  test("that is asked too often is asked again when it said, and the wait is told", async () => {
    const cloudflare = await startCloudflare();
    const busy = { ...fault(429, 10000, "Rate limited"), headers: { "retry-after": "1" } };
    cloudflare.instead(2, busy);
    const told: string[] = [];
    const onWait = (reason: string) => void told.push(reason);

    await openEdge(cloudflare.settings).purge(urlsOf(cloudflare), { signal, onWait });

    expect(cloudflare.asked).toBe(3);
    expect(told).toEqual(Array(2).fill("Cloudflare takes nothing more for 1 seconds"));
  });

  test("that wants more patience than anybody has, or does not say how much, is a failure", async () => {
    const cloudflare = await startCloudflare();
    const busy = fault(429, 10000, "Rate limited");

    for (const headers of [{}, { "retry-after": "3600" }, { "retry-after": "soon" }]) {
      cloudflare.instead(1, { ...busy, headers });
      expect(await failureOf(cloudflare.settings, urlsOf(cloudflare))).toMatch(/Rate limited/);
    }
  });

  test("is not waited for by a worker that ends", async () => {
    const cloudflare = await startCloudflare();
    const busy = fault(429, 10000, "Rate limited");
    cloudflare.instead(1, { ...busy, headers: { "retry-after": "200" } });
    const ending = new AbortController();
    const onWait = () => ending.abort();

    const purging = openEdge(cloudflare.settings).purge(urlsOf(cloudflare), {
      signal: ending.signal,
      onWait,
    });

    await expect(purging).rejects.toMatchObject({ name: "AbortError" });
  });

  test.each([
    ["another token", { token: "another" }, /^Cloudflare refuses CLOUDFLARE_API_TOKEN: 401 /],
    ["a token that is none", { token: "a b" }, /^Cloudflare refuses CLOUDFLARE_API_TOKEN: 400 /],
    ["another zone", { zoneId: "f".repeat(32) }, /Correct CLOUDFLARE_ZONE_ID\.$/],
  ])(
    "with %s says which variable is wrong, and keeps the token to itself",
    async (_, wrong, said) => {
      const cloudflare = await startCloudflare();
      const settings = { ...cloudflare.settings, ...wrong };

      const reason = await failureOf(settings, urlsOf(cloudflare));

      expect(reason).toMatch(said);
      expect(reason).not.toContain(settings.token);
    },
  );

  test("never sees its token handed on to where it is redirected", async () => {
    const cloudflare = await startCloudflare();
    const elsewhere = await startHook(200);
    cloudflare.instead(1, { status: 307, headers: { location: elsewhere.url }, body: "" });

    expect(await failureOf(cloudflare.settings, urlsOf(cloudflare))).toMatch(/307/);
    expect(elsewhere.bodies).toEqual([]);
  });
});
