import { AsyncLocalStorage } from "node:async_hooks";
import { Client, Connection, type WorkflowClientInterceptor } from "@temporalio/client";
import { defaultPayloadConverter, type Headers } from "@temporalio/common";
import { loadClientConnectConfig } from "@temporalio/envconfig";
import { CALLER_HEADER, type Caller } from "../domain/accounts.ts";
import { BadConfiguration, type Env } from "./env.ts";

const callers = restBetween(new AsyncLocalStorage<Caller>());

/** Runs `body` so that what it asks of Temporal carries `caller` along. */
export function onBehalfOf<T>(caller: Caller | undefined, body: () => T): T {
  return caller ? callers.run(caller, body) : body();
}

/**
 * Ends `storage` whenever nothing runs in it, until something does. While there is one, Node looks at each promise of the
 * process: requests that have nothing to do with it would cost a quarter more, and for as long as the process lives.
 */
function restBetween<T>(storage: AsyncLocalStorage<T>): AsyncLocalStorage<T> {
  const run = storage.run.bind(storage);
  let running = 0;
  const end = () => {
    if (--running === 0) storage.disable();
  };
  storage.run = <R>(store: T, body: (...given: never[]) => R, ...given: never[]): R => {
    running++;
    let ran: R | undefined;
    try {
      return (ran = run(store, body, ...given));
    } finally {
      void Promise.resolve(ran).then(end, end);
    }
  };
  return storage;
}

/** A client that connects at its first call, so that a process starts while Temporal is still away. */
export function openTemporalClient(env: Env): { client: Client; close(): Promise<void> } {
  const connection = Connection.lazy(connectionOptions(env));
  restBetween(connection.callContextStorage);
  const interceptors = { workflow: [carryCaller] };
  const client = new Client({ connection, namespace: env.TEMPORAL_NAMESPACE, interceptors });
  return { client, close: () => connection.close() };
}

/**
 * How to reach Temporal: address, TLS and API key come from TEMPORAL_* or the profile of temporal.toml that they name,
 * by Temporal's own loader. The embedded server has none of them. Throws `BadConfiguration`.
 */
export function connectionOptions({ TEMPORAL_PORT, temporalVariables }: Env) {
  const address = `127.0.0.1:${TEMPORAL_PORT}`;
  const isNamed = SOURCES.some((name) => name in temporalVariables);
  if (!isNamed) return { address };
  try {
    const { connectionOptions: found } = loadClientConnectConfig({
      overrideEnvVars: temporalVariables,
    });
    return { ...found, address: found.address ?? address };
  } catch (error) {
    throw new BadConfiguration([`TEMPORAL_*: ${(error as Error).message}`]);
  }
}

/** What says that the server is somebody else's; a person's own default profile does not. */
const SOURCES = ["TEMPORAL_ADDRESS", "TEMPORAL_PROFILE", "TEMPORAL_CONFIG_FILE"];

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
