import { AsyncLocalStorage } from "@temporalio/workflow";

/** Who asked for what is being done, and in which request: for logs and audit. */
export interface Caller {
  actor: string;
  requestId: string;
}

const callers = new AsyncLocalStorage<Caller>();

/** The caller of the code that runs now, if one is known. */
export function currentCaller(): Caller | undefined {
  return callers.getStore();
}

/** Runs `body` on behalf of `caller`. */
export function onBehalfOf<T>(caller: Caller | undefined, body: () => T): T {
  return caller ? callers.run(caller, body) : body();
}
