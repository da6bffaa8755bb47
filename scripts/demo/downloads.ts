import { on, once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
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

/** A file is fetched from a source on this machine, followed on the socket, fetched from us in part, and kept for ever. */
export async function demonstrateDownloads(demo: DownloadDemo): Promise<void> {
  const { baseUrl, client, secret, say, step } = demo;
  const source = await startSource();
  try {
    step("order a quick download from a source on this machine, and follow it on the socket");
    const followed = await follow(demo, `${source.address}/demo.mp4`);
    if (followed instanceof Error) return say(`${hint(followed.message, source.host)}\n`);
    const path = `/api/v1/user/history/${followed}`;
    const ready = await client.read(path);
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

/** Orders a download and shows what is told of it until it is ready; answers its entry, or why it was refused. */
async function follow(
  { baseUrl, client, secret, say }: DownloadDemo,
  url: string,
): Promise<number | Error> {
  const address = new URL("/ws", baseUrl.replace(/^http/, "ws"));
  const socket = new WebSocket(address, { headers: { "X-API-Key": secret } });
  const signal = AbortSignal.timeout(PATIENCE_MS);
  // From now on: what is told before the order is answered is kept.
  const frames = on(socket, "message", { signal });
  try {
    await once(socket, "open", { signal });
    const order = { url, mode: "quick_download" };
    const accepted = await client.send("/api/v1/download", order).catch((error: Error) => error);
    if (accepted instanceof Error) return accepted;
    for await (const [frame] of frames) {
      const { event, data } = JSON.parse(String(frame)) as Told;
      if (data["task_id"] !== accepted["task_id"]) continue;
      say(`${event}: ${lineOf(event, data)}\n`);
      if (event === "task:completed") return Number(accepted["history_id"]);
      if (event === "task:failed") throw new Error(String(data["error_message"]));
    }
    throw new Error("the socket was closed");
  } finally {
    socket.terminate();
  }
}

interface Told {
  event: string;
  data: Record<string, string | number | undefined>;
}

function lineOf(event: string, data: Told["data"]): string {
  if (event === "task:log") return String(data["message"]);
  if (event !== "task:progress") return String(data["status"]);
  const { phase_label_en: phase, phase_label: label, progress, speed, eta } = data;
  const pace = speed ? `, ${String(speed)} bytes/s` : "";
  const left = eta === undefined ? "" : `, ${String(eta)} s left`;
  return `${String(phase)} (${String(label)}): ${String(progress)} %${pace}${left}`;
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
