import { createReadStream } from "node:fs";
import { mkdtemp, open, readFile, rm, stat, statfs } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LIMITS } from "../../domain/limits.ts";
import { hostileZip } from "../support/hostile-archives.ts";
import type { PackageClient } from "../support/package-client.ts";
import { type Platform, startPlatform } from "../support/platform.ts";
import { rigTools } from "../support/rigged-tools.ts";

// The largest package that there may be: on disk a hole, in the store all of its bytes, once. LONG_BYTES is for a try.

const GIB = 1024 ** 3;
const BYTES = Number(process.env["LONG_BYTES"] || LIMITS.packageBytes);
/** The store keeps it once, and links to it. */
const SLACK_BYTES = 2 * GIB;
/** What a process may grow by, whatever the size of what goes through it. */
const MOST_GROWTH_BYTES = 150 * 1024 ** 2;
const PATIENCE_MS = 1_500_000;

let folder: string;
let platform: Platform;
let client: PackageClient;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "longhaul-huge-"));
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < BYTES + SLACK_BYTES) {
    const needed = Math.ceil((BYTES + SLACK_BYTES) / GIB);
    throw new Error(`${tmpdir()} needs ${needed} GiB free for this test; TMPDIR names another one`);
  }
  const { variables } = await rigTools(join(folder, "tools"));
  const { PATH, SCAN_SIGNATURES } = variables as { PATH: string; SCAN_SIGNATURES: string };
  platform = await startPlatform({ PATH, SCAN_SIGNATURES });
  client = await platform.open();
});
afterAll(async () => {
  await platform?.remove();
  await rm(folder, { recursive: true, force: true });
});

test("the largest package is taken, held as too large to scan, and published once a person says so", async () => {
  const path = join(folder, "huge.zip");
  await writeHole(path, BYTES);
  expect((await stat(path)).blocks * 512).toBeLessThan(1024 ** 2);
  const idle = await sizes("VmRSS");

  const order = await upload(path);
  const held = await client.reaches(order, "quarantined", PATIENCE_MS);
  const decision = { json: { reason: "it is a hole" } };
  const release = `/api/v1/packages/${order.id}/versions/1.0.0/release`;
  const { body } = await client.call("POST", release, decision);
  await client.succeeds({ id: order.id, run: body.run.id }, PATIENCE_MS);

  expect(held.reason).toBe("The malware scan found oversize.");
  const head = await fetch(client.link(order.id), { method: "HEAD" });
  expect(Number(head.headers.get("content-length"))).toBe(BYTES);
  const last = await fetch(client.link(order.id), { headers: { range: "bytes=-4" } });
  expect(Buffer.from(await last.arrayBuffer())).toEqual(await tailOf(path));
  const grown = await sizes("VmHWM");
  for (const part of ["api", "worker"] as const) {
    expect(grown[part] - idle[part], part).toBeLessThan(MOST_GROWTH_BYTES);
  }
});

/** A valid archive of `bytes` bytes whose one entry, which is stored, is a hole in the file. */
async function writeHole(path: string, bytes: number): Promise<void> {
  const around = hostileZip([{ name: "hole", hole: bytes }]);
  const whole = hostileZip([{ name: "hole", hole: bytes - around.length }]);
  const split = whole.indexOf("PK\u0001\u0002");
  const file = await open(path, "w");
  try {
    await file.write(whole, 0, split, 0);
    await file.write(whole, split, whole.length - split, bytes - (whole.length - split));
  } finally {
    await file.close();
  }
}

async function tailOf(path: string): Promise<Buffer> {
  const { size } = await stat(path);
  return buffer(createReadStream(path, { start: size - 4 }));
}

/** Sends the file as a form, from disk. */
async function upload(path: string): Promise<{ id: string; run: string }> {
  const [key] = client.secrets;
  const edge = "the-boundary-of-this-form";
  const field = (name: string, value: string) =>
    `--${edge}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const head = `${field("name", "huge")}${field("version", "1.0.0")}--${edge}\r\nContent-Disposition: form-data; name="file"; filename="huge.zip"\r\n\r\n`;
  const tail = `\r\n--${edge}--\r\n`;
  const sent = request(`${client.address}/api/v1/packages`, {
    method: "POST",
    headers: {
      "x-api-key": key!,
      "content-type": `multipart/form-data; boundary=${edge}`,
      "content-length": `${head.length + (await stat(path)).size + tail.length}`,
    },
  });
  const answered = new Promise<{ status: number; text: string }>((resolve, reject) => {
    sent.on("error", reject);
    sent.on("response", (response) => {
      const status = response.statusCode ?? 0;
      buffer(response).then((bytes) => resolve({ status, text: bytes.toString() }), reject);
    });
  });
  sent.write(head);
  await pipeline(createReadStream(path, { highWaterMark: 1024 ** 2 }), sent, { end: false });
  sent.end(tail);
  const { status, text } = await answered;
  if (status !== 202) throw new Error(`the upload was answered ${status}: ${text}`);
  const body = JSON.parse(text) as { id: string; run: { id: string } };
  return { id: body.id, run: body.run.id };
}

/** The memory of both processes by a line of /proc, in bytes. */
async function sizes(line: "VmRSS" | "VmHWM"): Promise<{ api: number; worker: number }> {
  const measure = async (part: "api" | "worker") => {
    const { pid } = (await platform.find(part))!;
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    return Number(new RegExp(`${line}:\\s+(\\d+) kB`).exec(status)![1]) * 1024;
  };
  return { api: await measure("api"), worker: await measure("worker") };
}
