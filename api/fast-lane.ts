import type { IncomingMessage, ServerResponse } from "node:http";
import type Koa from "koa";
import { hasBody, isSmall } from "./bodies/arrival.ts";
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
  { usual, answer }: Answering,
): FastLane {
  const hot = hotRoutes(routes);
  const pathsBy = (method: Route["method"]) =>
    new Set(hot.filter((route) => route.method === method).map(({ path }) => path));
  const usualHeaders = Object.entries(usual).flat();
  const paths: Record<string, Set<string>> = { GET: pathsBy("get"), POST: pathsBy("post") };
  const run = async (exchange: Exchange) => {
    try {
      await answer(exchange as unknown as Context);
      readRest(exchange.req);
      exchange.send();
    } catch (error) {
      exchange.koa().onerror(error as Error);
    }
  };
  return (req, res) => {
    const path = pathOf(req);
    if (!paths[req.method ?? ""]?.has(path) || !isSmall(req)) return undefined;
    return run(new Exchange(app, req, res, { path, usual: usualHeaders }));
  };
}

interface Answering {
  /** The headers that every answer has. */
  usual: Readonly<Record<string, string>>;
  /** All that is done with any other request. */
  answer: (ctx: Context) => Promise<void>;
}

/** They answer JSON, or nothing, to what was sent to one address: that is all that an `Exchange` knows. */
function hotRoutes(routes: Routes): Route[] {
  return Object.entries(routes).flatMap(([operationId, route]) => {
    if (!route.hot) return [];
    const { method, path, form, returns } = route;
    const isSimple = (method === "get" || method === "post") && !path.includes(":") && !form;
    const answersJson = Array.isArray(returns) && returns[2] !== "export";
    if (isSimple && answersJson) return [route];
    throw new Error(
      `${operationId} cannot be hot: it is no GET or POST of one address that takes and answers JSON`,
    );
  });
}

/** What was refused before it was read: the next request comes after it. */
function readRest(req: IncomingMessage): void {
  if (hasBody(req) && !req.readableEnded) req.resume();
}

function pathOf({ url = "" }: IncomingMessage): string {
  const end = url.indexOf("?");
  return end < 0 ? url : url.slice(0, end);
}
