import type { Middleware as KoaMiddleware, ParameterizedContext } from "koa";
import type { Logger } from "pino";
import type { Actor } from "../domain/accounts.ts";
import type { Route } from "./route.ts";

/** The route that a request means, if there is one. */
export interface FoundRoute {
  operationId?: string;
  route?: Route;
  params: Record<string, string>;
  /** The methods that the path knows, when it knows any. */
  allowed: string[];
}

/** What the middleware know of a request; filled from the outside in, in the order of api/app.ts. */
export interface RequestState {
  requestId: string;
  readonly log: Logger;
  /** The caller's network address. */
  address: string;
  /** Aborted when the client is gone before it had its answer. */
  readonly signal: AbortSignal;
  found: FoundRoute;
  /** Who signed in, if anybody did. */
  actor?: Actor;
  /** Why nobody did, though they tried. */
  signInFault?: Error;
}

export type Context = ParameterizedContext<RequestState>;
export type Middleware = KoaMiddleware<RequestState>;

/** One of the things that are done with every request. */
export type Step = (ctx: Context) => void;
/** One that may have to wait. Where it need not, there is no promise: each costs, and every request makes them. */
export type AsyncStep = (ctx: Context) => Promise<void> | undefined;
