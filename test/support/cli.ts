import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { runCommand } from "../../cli/run.ts";
import { ADMIN, type StartedApi } from "./api.ts";
import { digestOf, zipOf } from "./packages.ts";

/** How a command ended and what it wrote. */
export interface Ended {
  code: number;
  out: string;
  err: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into documents of every shape
  json: any;
}

/** What a person has set, beside the address and a key. */
export interface Given {
  address?: string;
  env?: Record<string, string>;
  isTTY?: boolean;
}

/** The environment that leads the command to this API, as somebody who may do everything. */
export function environmentOf(api: StartedApi, { address, env }: Given = {}) {
  return {
    LONGHAUL_URL: address ?? api.address,
    LONGHAUL_API_KEY: api.tokenOf(ADMIN),
    ...env,
  };
}

/** Runs `longhaul` in this process. */
export async function longhaul(api: StartedApi, argv: string[], given: Given = {}): Promise<Ended> {
  const written = { out: "", err: "" };
  const output = (name: "out" | "err") => ({
    isTTY: given.isTTY ?? false,
    columns: 80,
    write: (text: string) => void (written[name] += text),
  });
  const code = await runCommand(argv, {
    env: environmentOf(api, given),
    stdout: output("out"),
    stderr: output("err"),
    signal: new AbortController().signal,
    version: "1.2.3",
  });
  return {
    code,
    ...written,
    json: argv.includes("--json") ? (JSON.parse(written.out) as unknown) : undefined,
  };
}

/** A ZIP file on disk with so many bytes of noise; it is removed with the test. */
export async function zipFile(noiseBytes = 1000): Promise<{ path: string; sha256: string }> {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-cli-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const bytes = await zipOf({ "noise.bin": randomBytes(noiseBytes).toString("base64") });
  const path = join(folder, "app.zip");
  await writeFile(path, bytes);
  return { path, sha256: digestOf(bytes) };
}

/** A connection between a client and the API that a test may hurt. */
export interface Wire {
  client: Socket;
  api: Socket;
}

/** Starts a proxy before the API whose bytes pass only as the two functions say; without them they all pass. */
export async function startWire(
  api: StartedApi,
  pass: {
    /** True when this chunk may go on to the API. */
    up?: (chunk: Buffer, wire: Wire) => boolean;
    down?: (chunk: Buffer, wire: Wire) => boolean;
  },
): Promise<string> {
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const upstream = connect(Number(new URL(api.address).port), "127.0.0.1");
    const wire = { client, api: upstream };
    client.on("data", (chunk) => {
      if (pass.up?.(chunk, wire) ?? true) upstream.write(chunk);
    });
    upstream.on("data", (chunk) => {
      if (pass.down?.(chunk, wire) ?? true) client.write(chunk);
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}
