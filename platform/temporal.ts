import { Client, Connection, type ClientInterceptors } from "@temporalio/client";
import { loadClientConnectConfig } from "@temporalio/envconfig";
import { NativeConnection } from "@temporalio/worker";
import type { Env } from "./env.ts";

/** How to reach Temporal: TLS and API key come from TEMPORAL_* or a profile in temporal.toml, by Temporal's own loader. */
function connectionOptions(env: Env) {
  const { connectionOptions: options } = loadClientConnectConfig();
  return { ...options, address: env.TEMPORAL_ADDRESS ?? `127.0.0.1:${env.TEMPORAL_PORT}` };
}

/** A client that connects at its first call, so that a process starts while Temporal is still away. */
export function openTemporalClient(
  env: Env,
  interceptors: ClientInterceptors = {},
): { client: Client; close(): Promise<void> } {
  const connection = Connection.lazy(connectionOptions(env));
  const client = new Client({ connection, namespace: env.TEMPORAL_NAMESPACE, interceptors });
  return { client, close: () => connection.close() };
}

/** The connection of this process's workers. Throws while Temporal cannot be reached. */
export function openWorkerConnection(env: Env): Promise<NativeConnection> {
  return NativeConnection.connect(connectionOptions(env));
}
