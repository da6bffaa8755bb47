import { AsyncLocalStorage } from "node:async_hooks";
import { Client, Connection, type WorkflowClientInterceptor } from "@temporalio/client";
import { defaultPayloadConverter, type Headers } from "@temporalio/common";
import { loadClientConnectConfig } from "@temporalio/envconfig";
import { CALLER_HEADER, type Caller } from "../domain/accounts.ts";
import type { Env } from "./env.ts";

const callers = new AsyncLocalStorage<Caller>();

/** Runs `body` so that what it asks of Temporal carries `caller` along. */
export function onBehalfOf<T>(caller: Caller | undefined, body: () => T): T {
  return caller ? callers.run(caller, body) : body();
}

/** A client that connects at its first call, so that a process starts while Temporal is still away. */
export function openTemporalClient(env: Env): { client: Client; close(): Promise<void> } {
  const connection = Connection.lazy(connectionOptions(env));
  const interceptors = { workflow: [carryCaller] };
  const client = new Client({ connection, namespace: env.TEMPORAL_NAMESPACE, interceptors });
  return { client, close: () => connection.close() };
}

/** How to reach Temporal: TLS and API key come from TEMPORAL_* or a profile in temporal.toml, by Temporal's own loader. */
export function connectionOptions(env: Env) {
  const { connectionOptions: options } = loadClientConnectConfig();
  return { ...options, address: env.TEMPORAL_ADDRESS ?? `127.0.0.1:${env.TEMPORAL_PORT}` };
}

function withCaller(headers: Headers): Headers {
  const caller = callers.getStore();
  return caller
    ? { ...headers, [CALLER_HEADER]: defaultPayloadConverter.toPayload(caller) }
    : headers;
}

const carryCaller: WorkflowClientInterceptor = {
  startWithDetails: (input, next) => next({ ...input, headers: withCaller(input.headers) }),
  startUpdate: (input, next) => next({ ...input, headers: withCaller(input.headers) }),
  startUpdateWithStart: (input, next) =>
    next({
      ...input,
      workflowStartHeaders: withCaller(input.workflowStartHeaders),
      updateHeaders: withCaller(input.updateHeaders),
    }),
};
