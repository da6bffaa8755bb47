import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { provideProgram } from "../test/support/services/programs.ts";
import { freePort } from "../test/support/services/servers.ts";
import { startServing, type Peer } from "./processes.ts";

/** An nginx that sends the files of a folder. */
export const nginxOfFolder = (root: string): Promise<Peer> => startNginx(`root ${root};`);

/** An nginx before the API, as docs/operations/delivery.md has it: what the API lets through it sends itself. */
export const nginxBeforeApi = (address: string, objects: string): Promise<Peer> =>
  startNginx(`
    location / {
      proxy_pass ${address};
      proxy_http_version 1.1;
      proxy_set_header X-Sendfile-Type X-Accel-Redirect;
    }
    location /_objects/ {
      internal;
      alias ${objects}/;
      etag off;
    }`);

/** An nginx of our own, as one process: no service of the machine, and nothing outside a folder that goes with it. */
async function startNginx(locations: string): Promise<Peer> {
  const program = await provideProgram({ names: ["nginx"], debian: "nginx-light" });
  const folder = await mkdtemp(join(tmpdir(), "longhaul-nginx-"));
  const port = await freePort();
  const path = join(folder, "nginx.conf");
  await writeFile(path, configuration(folder, locations, port));
  const words = [program, "-p", folder, "-c", path, "-e", "stderr"];
  try {
    const nginx = await startServing(words, /()getrlimit/);
    return {
      ...nginx,
      address: `http://127.0.0.1:${port}`,
      async stop() {
        await nginx.stop();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }

  function remove(): Promise<void> {
    return rm(folder, { recursive: true, force: true });
  }
}

function configuration(folder: string, locations: string, port: number): string {
  return `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr notice;
events {}
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port};
    ${locations}
  }
}
`;
}
