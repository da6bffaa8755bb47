import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { createPackageClient } from "./client.ts";

/** What the demo of downloads works with. */
export interface DownloadDemo {
  baseUrl: string;
  client: ReturnType<typeof createPackageClient>;
  /** The key by which the file is fetched. */
  secret: string;
  say: (text: string) => void;
  step: (text: string) => void;
}

const SOURCE_BYTES = 4_000_000;
const CHUNK_BYTES = 200_000;
const CHUNK_MS = 100;
const PATIENCE_MS = 60_000;

/** A file is fetched from a source on this machine, fetched from us in part, and kept for ever. */
export async function demonstrateDownloads(demo: DownloadDemo): Promise<void> {
  const { baseUrl, client, secret, say, step } = demo;
  const source = await startSource();
  try {
    step("order a quick download from a source on this machine");
    const order = { url: `${source.address}/demo.mp4`, mode: "quick_download" };
    const accepted = await client.send("/api/v1/download", order).catch((error: Error) => error);
    if (accepted instanceof Error) return say(`${hint(accepted.message, source.host)}\n`);
    const path = `/api/v1/user/history/${String(accepted["history_id"])}`;
    const ready = await watch(demo, path);
    say(
      `${String(ready["file_name"])}: ${String(ready["file_size"])} bytes until ${String(ready["expire_at"])}\n`,
    );

    step("fetch ten bytes of it, from the middle");
    const file = `${baseUrl}/api/v1/download/file?history_id=${String(ready["history_id"])}`;
    const headers = {
      "X-API-Key": secret,
      Range: `bytes=${SOURCE_BYTES / 2}-${SOURCE_BYTES / 2 + 9}`,
    };
    const part = await fetch(file, { headers });
    const bytes = Buffer.from(await part.arrayBuffer());
    say(`${part.status} ${part.headers.get("Content-Range")}: ${bytes.toString()}\n`);
    if (part.status !== 206 || bytes.length !== 10) throw new Error("ten bytes were expected");

    step("keep it for ever");
    const kept = await client.send(`${path}/keep`, {});
    say(`${String(kept["state"])}\n`);
    if (kept["state"] !== "kept") throw new Error("it was to be kept");
  } finally {
    source.close();
  }
}

async function watch({ client, say }: DownloadDemo, path: string) {
  let shown = "";
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(300)) {
    const entry = await client.read(path);
    const progress = entry["progress"] as { percent: number; phase_label: { en: string } } | null;
    const line = progress
      ? `${progress.phase_label.en}: ${progress.percent} %`
      : String(entry["state"]);
    if (line !== shown) say(`${(shown = line)}\n`);
    if (entry["state"] === "ready") return entry;
    if (entry["state"] === "failed") throw new Error(String(entry["error_message"]));
  }
  throw new Error("it was not fetched in time");
}

/** What an operator may do about a platform that fetches nothing from here. */
function hint(refused: string, host: string): string {
  return `It was refused: ${refused}\nTo see a download, start it with OUTBOUND_ALLOW=${host.split(":")[0]}.`;
}

async function startSource() {
  const server = createServer((_, res) => {
    res.writeHead(200, { "Content-Type": "video/mp4", "Content-Length": `${SOURCE_BYTES}` });
    void (async () => {
      const chunk = "longhaul! ".repeat(CHUNK_BYTES / 10);
      for (let sent = 0; sent < SOURCE_BYTES && !res.destroyed; sent += CHUNK_BYTES) {
        res.write(chunk);
        await sleep(CHUNK_MS);
      }
      res.end();
    })();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { host, address: `http://${host}`, close };
}
