import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ask, openBeside } from "../support/leftovers.ts";
import { signIn } from "../support/package-client.ts";
import { ADMIN_PASSWORD, type Platform, startPlatform } from "../support/platform.ts";
import { mediaBytes, startMediaServer } from "../support/stand-ins/media-server.ts";
import { startProxyApi } from "../support/stand-ins/proxy-api.ts";
import { startThirdPartyProxy } from "../support/third-party-proxies.ts";
import { until } from "../support/until.ts";

// Downloads find their way out by the proxies of a provider that is slow, and past sources that lead elsewhere.

const MB = 1_000_000;
const SECRET = "a-rented-secret-of-somebody";

/** A platform whose worker has yt-dlp, and how it is asked. */
async function openScene(variables: Record<string, string>) {
  const platform = await startPlatform({
    DOWNLOAD_RETRY_PAUSES: "1s,1s,1s",
    DOWNLOAD_MAX_BYTES: `${100 * MB}`,
    ...variables,
  });
  onTestFinished(() => platform.remove());
  const database = await openBeside(platform);
  onTestFinished(() => database.close());
  const { accessToken } = await signIn(platform.address, ADMIN_PASSWORD);
  const call = async (method: string, path: string, json?: object) => {
    const response = await fetch(platform.address + path, {
      method,
      headers: { authorization: `Bearer ${accessToken}`, "content-type": "application/json" },
      ...(json && { body: JSON.stringify(json) }),
    });
    return (await response.json()) as Record<string, never>;
  };
  const order = async (url: string): Promise<number> => {
    const body = await call("POST", "/api/v1/download", { url, mode: "archive" });
    return body["history_id"]!;
  };
  const entry = async (id: number) => call("GET", `/api/v1/user/history/${id}`);
  const ends = async (id: number, state: string) => {
    await until(async () => (await entry(id))["state"] === state, 90_000);
    return entry(id);
  };
  await until(async () => {
    const [found] = await ask<{ tools: string }>(database, "SELECT tools FROM worker_reports");
    return found!.tools.includes("yt-dlp");
  }, 60_000);
  return { platform, database, call, order, ends };
}

/** The arguments of every process that there is now. */
async function everyCommand(): Promise<string> {
  const ids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const read = (id: string) => readFile(join("/proc", id, "cmdline"), "utf8").catch(() => "");
  return (await Promise.all(ids.map(read))).join("\n");
}

/** Everything that a platform has written down: rows, histories and logs. */
async function everythingWritten({ folder }: Platform): Promise<string> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = names.filter((one) => one.isFile() && !one.parentPath.includes("objects"));
  const read = ({ parentPath, name }: (typeof files)[number]) =>
    readFile(join(parentPath, name), "latin1").catch(() => "");
  return (await Promise.all(files.map(read))).join("\n");
}

test("a provider that is silent, refuses and then gives a proxy costs three tries, and nothing else", async () => {
  const source = await startMediaServer();
  onTestFinished(() => source.close());
  const proxy = await startThirdPartyProxy({ username: "u", password: SECRET });
  const api = await startProxyApi([proxy.upstream]);
  const scene = await openScene({
    OUTBOUND_ALLOW: "127.0.0.1",
    PROXY_API_URL: api.url,
    PROXY_API_KEY: api.key,
  });
  const { database, call, order, ends, platform } = scene;
  const bytes = mediaBytes(3 * MB);
  source.serve("/film.mp4", bytes, { bytesPerTick: 128 * 1024 });
  api.instead({ afterMs: 6_000 }, { status: 401 });

  const id = await order(`${source.address}/film.mp4`);
  await until(() => source.sent("/film.mp4") > MB, 60_000);
  const commands = await everyCommand();
  const done = await ends(id, "kept");

  expect(done).toMatchObject({
    status: 2,
    file_size: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    tries: [
      { number: 1, error_code: "downloads/proxy-away" },
      { number: 2, error_code: "downloads/proxy-refused" },
      { number: 3, error_code: null },
    ],
  });
  const leases = "SELECT state, fault FROM proxy_leases ORDER BY created_at";
  expect(await ask(database, leases)).toEqual([
    { state: "failed", fault: "network_timeout" },
    { state: "failed", fault: "proxy_auth" },
    { state: "released", fault: null },
  ]);
  expect(await ask(database, "SELECT * FROM gate_passes")).toEqual([]);
  expect(proxy.asked).toContain(source.host);
  const usage = await call("GET", "/api/v1/admin/proxy-usage-events");
  expect(usage["summary"]).toMatchObject({ success_count: 1, failure_count: 2 });
  expect(commands).toContain("film.mp4");
  const said = [commands, await everythingWritten(platform), JSON.stringify([done, usage])];
  expect(said.map((text) => text.includes(SECRET))).toEqual([false, false, false]);
});

test("a source that leads inside, or never ends, is left for good, with nothing of it on disk", async () => {
  const inside = createServer((_, response) => response.end("a secret of ours"));
  let asked = 0;
  inside.on("request", () => asked++);
  inside.listen(0, "127.0.0.1");
  await once(inside, "listening");
  const { port: insidePort } = inside.address() as AddressInfo;
  const chunk = Buffer.alloc(256 * 1024, 7);
  const source = createServer((request, response) => {
    if (request.url === "/inside.mp4") {
      const location = `http://127.0.0.1:${insidePort}/secret.mp4`;
      return response.writeHead(302, { location }).end();
    }
    response.writeHead(200, { "content-type": "video/mp4" });
    const pour = () => {
      while (!response.destroyed && response.write(chunk));
      if (!response.destroyed) response.once("drain", pour);
    };
    return pour();
  });
  source.listen(0, "127.0.0.1");
  await once(source, "listening");
  onTestFinished(() => {
    for (const server of [inside, source]) {
      server.closeAllConnections();
      server.close();
    }
  });
  const { port } = source.address() as AddressInfo;
  const { order, ends, platform } = await openScene({ OUTBOUND_ALLOW: `127.0.0.1:${port}` });

  const led = await ends(await order(`http://127.0.0.1:${port}/inside.mp4`), "failed");
  const endless = await ends(await order(`http://127.0.0.1:${port}/endless.mp4`), "failed");

  expect(led).toMatchObject({ error_code: "downloads/address-refused", tries: [{ number: 1 }] });
  expect(asked).toBe(0);
  expect(endless).toMatchObject({ error_code: "downloads/too-large", tries: [{ number: 1 }] });
  await until(async () => (await readdir(join(platform.folder, "parts"))).length === 0);
  const stored = await readdir(join(platform.folder, "objects"), { recursive: true });
  expect(stored.filter((name) => name.includes("downloads/"))).toEqual([]);
});
