import { AsyncLocalStorage } from "@temporalio/workflow";
import type { Caller } from "../../domain/accounts.ts";

const callers = new AsyncLocalStorage<Caller>();

/** The caller of the code that runs now, if one is known. */
export function currentCaller(): Caller | undefined {
  return callers.getStore();
}

/** Runs `body` on behalf of `caller`. */
export function onBehalfOf<T>(caller: Caller | undefined, body: () => T): T {
  return caller ? callers.run(caller, body) : body();
}
