import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Database } from "../../models/database.ts";
import { ask, openBeside } from "../support/leftovers.ts";
import { callAs, signIn } from "../support/package-client.ts";
import { ADMIN_PASSWORD, type Platform, startPlatform } from "../support/platform.ts";
import { mediaBytes } from "../support/stand-ins/media-server.ts";
import { until } from "../support/until.ts";

// Sources that stall, lie, never end, lead inside, and choose names: each is dealt with, and leaves nothing behind.

const MB = 1_000_000;
const LIMIT = 100 * MB;
const GB10 = 10_000 * MB;
const SECRET = "a secret of ours";
const BYTES = mediaBytes(MB);

let platform: Platform;
let database: Database;
let token: string;
let source: Awaited<ReturnType<typeof startSource>>;
let inside: Awaited<ReturnType<typeof startSource>>;

beforeAll(async () => {
  inside = await startSource((_, response) => void response.end(SECRET));
  source = await startSource(answer);
  platform = await startPlatform({
    OUTBOUND_ALLOW: source.host,
    DOWNLOAD_MAX_BYTES: `${LIMIT}`,
    // Longer than anybody here waits.
    DOWNLOAD_RETRY_PAUSES: "1d",
    DOWNLOAD_DAILY_QUOTA: "1000",
    DOWNLOAD_SLOTS: "8",
    GATE_HOST_PLACES: "100",
    GATE_HOST_RATE: "10000/1",
  });
  database = await openBeside(platform);
  token = (await signIn(platform.address, ADMIN_PASSWORD)).accessToken;
  await until(async () => {
    const [found] = await ask<{ tools: string }>(database, "SELECT tools FROM worker_reports");
    return found!.tools.includes("yt-dlp");
  }, 60_000);
});

afterAll(async () => {
  await database?.close();
  await platform?.remove();
  await Promise.all([source?.close(), inside?.close()]);
});

async function startSource(listener: (req: IncomingMessage, res: ServerResponse) => void) {
  const asked: string[] = [];
  const server = createServer((req, res) => {
    asked.push(req.url!);
    listener(req, res);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = async () => {
    server.closeAllConnections();
    server.close();
  };
  return { host, asked, close };
}

/** What the source has sent of each path. */
const sent = new Map<string, number>();

function answer(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url!;
  const media = { "content-type": "video/mp4" };
  const send = (bytes: Buffer) => {
    sent.set(path, (sent.get(path) ?? 0) + bytes.length);
    return response.write(bytes);
  };
  const [plain = ""] = path.split("?");
  switch (plain) {
    case "/stalls.mp4":
      response.writeHead(200, { ...media, "content-length": MB });
      return void send(BYTES.subarray(0, 10_000));
    case "/says-more.mp4":
      // It has said more than it has: the connection ends in the middle, every time.
      response.writeHead(200, { ...media, "content-length": 2 * MB });
      return void response.write(BYTES, () => response.destroy());
    case "/says-less.mp4":
      response.socket!.end(
        Buffer.concat([
          Buffer.from(
            "HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\ncontent-length: 1000\r\nconnection: close\r\n\r\n",
          ),
          BYTES,
        ]),
      );
      return undefined;
    case "/endless.mp4":
      response.writeHead(200, { ...media, "content-length": GB10 });
      return pour(response, send);
    case "/unsaid.mp4":
      response.writeHead(200, media);
      return pour(response, send);
    case "/inside.mp4":
      return void response.writeHead(302, { location: `http://${inside.host}/a.mp4` }).end();
    default: {
      const name = new URL(path, "http://source").searchParams.get("name") ?? "";
      const said = Buffer.from(`attachment; filename="${name}"`).toString("latin1");
      const headers = name && !/["\r\n]/.test(name) ? { "content-disposition": said } : {};
      return void response
        .writeHead(200, { ...media, ...headers, "content-length": BYTES.length })
        .end(BYTES);
    }
  }
}

const CHUNK = Buffer.alloc(256 * 1024, 7);

function pour(response: ServerResponse, send: (bytes: Buffer) => boolean): void {
  while (!response.destroyed && send(CHUNK));
  if (!response.destroyed) response.once("drain", () => pour(response, send));
}

const call = (method: string, path: string, json?: object) =>
  callAs(token, platform.address, method, path, json);

async function order(path: string): Promise<number> {
  const { body } = await call("POST", "/api/v1/download", { url: `http://${source.host}${path}` });
  return body["history_id"]!;
}

/** The entry of a download whose first try is over. */
async function tried(id: number): Promise<Record<string, unknown>> {
  let entry: Record<string, unknown> = {};
  await until(async () => {
    entry = (await call("GET", `/api/v1/user/history/${id}`)).body;
    return (
      ["ready", "failed"].includes(entry["state"] as string) || entry["waiting_for"] === "retry"
    );
  }, 120_000);
  return entry;
}

const rows = async (table: string) => ask<object>(database, `SELECT * FROM ${table}`);
const nothingIsLeft = async () => {
  await until(async () => (await readdir(join(platform.folder, "parts"))).length === 0, 30_000);
  expect(await rows("disk_leases")).toEqual([]);
  expect(await rows("gate_passes")).toEqual([]);
  const [disk] = await ask<{ leased: number }>(
    database,
    "SELECT leased_bytes AS leased FROM disks",
  );
  expect(disk).toEqual({ leased: 0 });
};
const storedFiles = async () => {
  const names = await readdir(join(platform.folder, "objects"), {
    recursive: true,
    withFileTypes: true,
  });
  return names.filter((one) => one.isFile() && one.parentPath.includes("downloads"));
};

test("sources that stall, lie, never end or lead inside fail, each by its name, and nothing of them stays", async () => {
  const paths = ["stalls", "says-more", "endless", "unsaid", "inside"];

  const ids = await Promise.all(paths.map((name) => order(`/${name}.mp4`)));
  const entries = await Promise.all(ids.map(tried));

  const codes = Object.fromEntries(
    entries.map((entry, at) => [
      paths[at],
      [entry["state"], entry["error_code"], entry["waiting_for"]],
    ]),
  );
  expect(codes).toEqual({
    stalls: ["working", "downloads/source-away", "retry"],
    "says-more": ["working", "downloads/source-away", "retry"],
    endless: ["failed", "downloads/too-large", null],
    unsaid: ["failed", "downloads/too-large", null],
    inside: ["failed", "downloads/address-refused", null],
  });
  expect(inside.asked).toEqual([]);
  expect(JSON.stringify(entries)).not.toContain(SECRET);
  for (const path of ["/endless.mp4", "/unsaid.mp4"]) {
    expect(sent.get(path)).toBeLessThan(5 * LIMIT);
  }
  for (const id of ids.slice(0, 2)) await call("POST", `/api/v1/user/history/${id}/cancel`);
  expect(await storedFiles()).toEqual([]);
  await nothingIsLeft();
});

test("of a source that says less than it has so much is taken as it said, and nothing more", async () => {
  const entry = await tried(await order("/says-less.mp4"));

  expect(entry).toMatchObject({ state: "ready", file_size: 1000 });
  await nothingIsLeft();
});

/** A source's name for a file, and what becomes of it. */
const NAMES: readonly (readonly [said: string, kept: RegExp])[] = [
  ["../../etc/passwd", /^[^/\\]*passwd\.mp4$/],
  ["say \"this\" and 'that'; rm -rf", /^say _this_ and 'that'; rm -rf\.mp4$/],
  ["电影 第一集", /^电影 第一集\.mp4$/],
  ["🎬 film 👩‍👩‍👧", /^🎬 film /],
  ["长".repeat(100), /^长{60,66}\.mp4$/],
  ["safe\u202E4pm.exe", /^safe_4pm\.exe/],
  ["line\r\nSet-Cookie: a=b", /^line_+Set-Cookie_ a=b\.mp4$/],
];

test("no name that a source chooses leads anywhere, in the store, in rows, or in headers", async () => {
  const paths = NAMES.map(
    ([name]) => `/${encodeURIComponent(name)}.mp4?name=${encodeURIComponent(name)}`,
  );

  const ids = await Promise.all(paths.map(order));
  const entries = await Promise.all(ids.map(tried));

  const digest = createHash("sha256").update(BYTES).digest("hex");
  for (const [at, entry] of entries.entries()) {
    expect(entry).toMatchObject({ state: "ready", sha256: digest });
    const name = entry["file_name"] as string;
    expect(name).toMatch(NAMES[at]![1]);
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(200);
    // oxlint-disable-next-line no-control-regex -- they are what is looked for
    expect(name).not.toMatch(/[\u0000-\u001f\u202a-\u202e/\\"]/);
    const file = await call("GET", `/api/v1/download/file?history_id=${ids[at]}`);
    expect(createHash("sha256").update(file.bytes).digest("hex")).toBe(digest);
    const said = file.headers.get("content-disposition")!;
    expect(said).toMatch(
      /^attachment; filename="[\x20-\x7e]*"(; filename\*=UTF-8''[\w!#$&+.^`|~%-]+)?$/,
    );
    expect(file.headers.get("set-cookie")).toBeNull();
    const encoded = /filename\*=UTF-8''(.+)$/.exec(said)?.[1];
    expect(encoded ? decodeURIComponent(encoded) : /"(.*)"/.exec(said)![1]).toBe(name);
  }
  // The store knows them by their ids alone.
  const files = await storedFiles();
  expect(files.map(({ name }) => /^[\w.-]+$/.test(name))).not.toContain(false);
  expect(await readdir(platform.folder)).not.toContain("etc");
  await nothingIsLeft();
  expect(await readFile(join(platform.folder, "..", "etc", "passwd")).catch(() => "")).toBe("");
});
