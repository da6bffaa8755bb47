import { Router } from "@koa/router";
import type { Middleware } from "../context.ts";
import type { Routes } from "../route.ts";

/** Finds the route that a request means, before anything else can refuse it: its dialect shapes every answer. */
export function findRoute(routes: Routes): Middleware {
  const router = new Router({ sensitive: true });
  for (const [operationId, { method, path }] of literalFirst(routes)) {
    router.register(path, [method], () => {}, { name: operationId });
  }
  return async (ctx, next) => {
    const { path: onPath, pathAndMethod } = router.match(ctx.path, ctx.method);
    const [layer] = pathAndMethod;
    const operationId = layer?.name;
    ctx.state.found = {
      ...(operationId && { operationId, route: routes[operationId] }),
      params: layer?.params(ctx.path, layer.captures(ctx.path)) ?? {},
      allowed: [...new Set(onPath.flatMap(({ methods }) => methods))],
    };
    await next();
  };
}

/** `/packages/search` is tried before `/packages/:id`, in whatever order they were listed. */
function literalFirst(routes: Routes): [string, Routes[string]][] {
  const rank = (path: string) => path.replaceAll(/:[^/]+/g, "\uffff");
  return Object.entries(routes).sort(([, a], [, b]) => (rank(a.path) < rank(b.path) ? -1 : 1));
}
