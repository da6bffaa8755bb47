import { mkdir, readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { SEARCH_ATTRIBUTES } from "../domain/search-attributes.ts";
import type { Part } from "./child.ts";
import type { Inherited } from "../platform/programs.ts";
import { tether } from "./tether.ts";

/** How the embedded Temporal server is started. */
export interface DevServer {
  /** The Temporal binary. */
  path: string;
  dataFolder: string;
  projectFolder: string;
  namespace: string;
  port: number;
  uiPort: number;
  env: Inherited;
}

const HOST = "127.0.0.1";

/** The embedded Temporal server, its database in the data folder, as a part of the platform. */
export async function devServerPart(server: DevServer): Promise<Omit<Part, "turn" | "graceMs">> {
  const { path, dataFolder, projectFolder, namespace, port, uiPort, env } = server;
  const folder = join(dataFolder, "temporal");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const settings = await readFile(
    join(projectFolder, "temporal-config/dynamic-config.yaml"),
    "utf8",
  );
  const options = {
    ip: [HOST],
    port: [port],
    "ui-port": [uiPort],
    "log-format": ["json"],
    "log-level": ["warn"],
    "db-filename": [join(folder, "temporal.db")],
    namespace: [namespace],
    "search-attribute": Object.values(SEARCH_ATTRIBUTES).map(
      ({ name, type }) => `${name}=${TYPE_NAMES[type]}`,
    ),
    // Half as many waits for the disk as with SQLite's own choice, and as safe.
    "sqlite-pragma": ["journal_mode=WAL"],
    "dynamic-config-value": dynamicValues(settings),
  };
  const words = Object.entries(options).flatMap(([name, values]) =>
    values.flatMap((value) => [`--${name}`, `${value}`]),
  );
  const command = [path, "server", "start-dev", "--ui-disable-news-fetch", ...words];
  return {
    name: "temporal",
    command: await tether(command, env),
    env,
    ready: () => listens(port),
  };
}

const TYPE_NAMES = {
  TEXT: "Text",
  KEYWORD: "Keyword",
  INT: "Int",
  DOUBLE: "Double",
  BOOL: "Bool",
  DATETIME: "Datetime",
  KEYWORD_LIST: "KeywordList",
} as const;

/** The settings of a dynamic configuration that has one `name: [{ value: … }]` a line, as `name=value`. */
export function dynamicValues(yaml: string): string[] {
  return [...yaml.matchAll(/^([\w.]+):\s*\[\{\s*value:\s*(.+?)\s*\}\]/gm)].map(
    ([, name, value]) => `${name}=${value}`,
  );
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: HOST, port });
    const answer = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.once("connect", () => answer(true));
    socket.once("error", () => answer(false));
  });
}
