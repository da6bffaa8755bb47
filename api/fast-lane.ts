import type { IncomingMessage, ServerResponse } from "node:http";
import type Koa from "koa";
import { hasBody } from "./bodies/arrival.ts";
import type { Context, RequestState } from "./context.ts";
import { Exchange } from "./exchange.ts";
import type { Route, Routes } from "./route.ts";

/** Answers a request that may take the fast lane; undefined, untouched, for all others. */
type FastLane = (req: IncomingMessage, res: ServerResponse) => Promise<void> | undefined;

/**
 * The way of requests that come in crowds, to routes that are `hot`: all that is done with any other request is done
 * with them, by the same code. What is left out is what Koa does around it for bodies that stream, a chain of middleware,
 * and Koa's context: together they cost more than the answer.
 */
export function createFastLane(
  app: Koa<RequestState>,
  routes: Routes,
  answer: (ctx: Context) => Promise<void>,
): FastLane {
  const paths = new Set(hotRoutes(routes).map(({ path }) => path));
  const run = async (exchange: Exchange) => {
    try {
      await answer(exchange as unknown as Context);
      exchange.send();
    } catch (error) {
      exchange.koa().onerror(error as Error);
    }
  };
  return (req, res) => {
    const path = pathOf(req);
    if (req.method !== "GET" || !paths.has(path) || hasBody(req)) return undefined;
    return run(new Exchange(app, req, res, path));
  };
}

/** They answer JSON, or nothing, to a GET of one address: that is all that an `Exchange` knows. */
function hotRoutes(routes: Routes): Route[] {
  return Object.entries(routes).flatMap(([operationId, route]) => {
    if (!route.hot) return [];
    const { method, path, returns } = route;
    const answersJson = Array.isArray(returns) && returns[2] !== "export";
    if (method === "get" && !path.includes(":") && answersJson) return [route];
    throw new Error(`${operationId} cannot be hot: it is no GET of one address that answers JSON`);
  });
}

function pathOf({ url = "" }: IncomingMessage): string {
  const end = url.indexOf("?");
  return end < 0 ? url : url.slice(0, end);
}
