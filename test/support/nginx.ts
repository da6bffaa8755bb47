import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject, onTestFinished } from "vitest";
import { freePort } from "./services/servers.ts";
import { until } from "./until.ts";

const TEMPORARY = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];

/** Starts nginx with the server of docs/operations/delivery.md before `api`; answers its address. It ends with the test. */
export async function startNginx(api: string, objects: string): Promise<string> {
  const nginx = inject("nginx");
  if (!nginx) throw new Error("this test needs nginx");
  const folder = await mkdtemp(join(tmpdir(), "longhaul-nginx-"));
  await mkdir(join(folder, "temporary"));
  const port = await freePort();
  const config = join(folder, "nginx.conf");
  await writeFile(config, await configure(folder, { api, objects, port }));
  const child = spawn(nginx.path, ["-p", folder, "-c", config, "-e", join(folder, "error.log")], {
    stdio: "ignore",
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await ended;
    await rm(folder, { recursive: true, force: true });
  });
  const address = `http://127.0.0.1:${port}`;
  await until(() => fetch(`${address}/live`).then(isOk, () => false));
  return address;
}

const isOk = ({ ok }: Response) => ok;

/** What the documentation tells operators to write, with this test's addresses in it. */
async function configure(
  folder: string,
  { api, objects, port }: { api: string; objects: string; port: number },
): Promise<string> {
  const manual = new URL("../../docs/operations/delivery.md", import.meta.url);
  const [, documented = ""] = /```nginx\n([\s\S]*?)```/.exec(await readFile(manual, "utf8")) ?? [];
  const server = documented
    .replace("listen 80;", `listen 127.0.0.1:${port};`)
    .replace("http://127.0.0.1:3000", api)
    .replace("/var/lib/longhaul/objects/objects/", `${objects}/`);
  const places = TEMPORARY.map((name) => `${name}_temp_path ${folder}/temporary;`).join("\n");
  // One process, so that it reads files as the test writes them.
  return `daemon off;
master_process off;
pid ${folder}/nginx.pid;
events {}
http {
access_log off;
${places}
${server}
}
`;
}
