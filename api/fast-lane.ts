import type { IncomingMessage, ServerResponse } from "node:http";
import type Koa from "koa";
import { hasBody } from "./bodies/arrival.ts";
import type { Context, RequestState } from "./context.ts";
import type { Route, Routes } from "./route.ts";

/** Answers a request that may take the fast lane; undefined, untouched, for all others. */
type FastLane = (req: IncomingMessage, res: ServerResponse) => Promise<void> | undefined;

/**
 * The way of requests that come in crowds, to routes that are `hot`: all that is done with any other request is done
 * with them, by the same code on the same context. What is left out is what Koa does around it for bodies that stream,
 * and a chain of middleware: together they cost more than the answer.
 */
export function createFastLane(
  app: Koa<RequestState>,
  routes: Routes,
  answer: (ctx: Context) => Promise<void>,
): FastLane {
  const paths = new Set(hotRoutes(routes).map(({ path }) => path));
  return (req, res) => {
    if (req.method !== "GET" || !paths.has(pathOf(req)) || hasBody(req)) return undefined;
    const ctx = app.createContext(req, res) as unknown as Context;
    return answer(ctx).then(
      () => send(ctx),
      (error: Error) => ctx.onerror(error),
    );
  };
}

/** They answer JSON, or nothing, to a GET of one address: that is all that `send` knows. */
function hotRoutes(routes: Routes): Route[] {
  return Object.entries(routes).flatMap(([operationId, route]) => {
    if (!route.hot) return [];
    const { method, path, returns } = route;
    if (method === "get" && !path.includes(":") && Array.isArray(returns)) return [route];
    throw new Error(`${operationId} cannot be hot: it is no GET of one address that answers JSON`);
  });
}

function pathOf({ url = "" }: IncomingMessage): string {
  const end = url.indexOf("?");
  return end < 0 ? url : url.slice(0, end);
}

function send({ respond, writable, body, res }: Context): void {
  if (respond === false || !writable) return;
  res.end(body);
}
