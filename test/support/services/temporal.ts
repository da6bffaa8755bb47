import { fileURLToPath } from "node:url";
import { Connection } from "@temporalio/client";
import { encodeSearchAttributeIndexedValueType } from "@temporalio/common/lib/search-attributes.js";
import type { TestProject } from "vitest/node";
import { SEARCH_ATTRIBUTES } from "../../../domain/search-attributes.ts";
import { findTemporal } from "../../../supervisor/temporal-server.ts";
import { runName } from "./runs.ts";
import { freePort, serverAddress, serverFolder, startServer } from "./servers.ts";
import { cacheFolder } from "./wheels.ts";

/** vitest global set-up: a namespace of this run's own, deleted at its end. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const address = await temporalAddress();
  const namespace = runName("-");
  await withConnection(address, async (connection) => {
    await createNamespace(connection, namespace);
    await addSearchAttributes(connection, namespace);
  });
  project.provide("temporal", { address, namespace });
  return () =>
    withConnection(address, async ({ operatorService }) => {
      await operatorService.deleteNamespace({ namespace });
    });
}

/** The address of a Temporal server, whose namespaces may be made and deleted. */
export function temporalAddress(): Promise<string> {
  return serverAddress("TEST_TEMPORAL_ADDRESS", startTemporal);
}

async function startTemporal(): Promise<string> {
  const { path } = await findTemporal({
    cli: process.env["TEMPORAL_CLI"] || undefined,
    env: process.env,
    cacheFolder: cacheFolder(),
    projectFolder: fileURLToPath(new URL("../../..", import.meta.url)),
  });
  const folder = await serverFolder("temporal");
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  await startServer({
    name: "temporal",
    command: path,
    folder,
    args: [
      ...["server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", `${port}`],
      ...["--db-filename", `${folder}/data/temporal.db`, "--log-level", "warn"],
    ],
    probe: () =>
      withConnection(address, ({ workflowService }) =>
        workflowService.describeNamespace({ namespace: "default" }),
      ),
  });
  return address;
}

/** A fresh namespace, known to every part of the server when this resolves. */
export async function createNamespace(connection: Connection, namespace: string): Promise<void> {
  const { workflowService } = connection;
  await workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 24 * 3600 },
  });
}

/** The product's search attributes in a namespace that has none of them. */
export async function addSearchAttributes(
  { operatorService }: Connection,
  namespace: string,
): Promise<void> {
  const searchAttributes = Object.fromEntries(
    Object.values(SEARCH_ATTRIBUTES).map(({ name, type }) => [
      name,
      encodeSearchAttributeIndexedValueType(type),
    ]),
  );
  await operatorService.addSearchAttributes({ namespace, searchAttributes });
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
