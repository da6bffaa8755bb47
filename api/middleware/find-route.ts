import { Router } from "@koa/router";
import type { FoundRoute, Step } from "../context.ts";
import type { Route, Routes } from "../route.ts";

/** Finds the route that a request means, before anything else can refuse it: its dialect shapes every answer. */
export function findRoute(routes: Routes): Step {
  const router = new Router({ sensitive: true });
  for (const [operationId, { method, path }] of literalFirst(routes)) {
    router.register(path, [method], () => {}, { name: operationId });
  }
  const literal = literalPaths(routes);
  return (ctx) => {
    // What apps ask most has no parameters: it need not be compared with every pattern.
    const named = literal.get(`${ctx.method} ${ctx.path}`);
    if (named) {
      ctx.state.found = named;
      return;
    }
    const { path: onPath, pathAndMethod } = router.match(ctx.path, ctx.method);
    const [layer] = pathAndMethod;
    const operationId = layer?.name;
    ctx.state.found = {
      ...(operationId && { operationId, route: routes[operationId] }),
      params: layer?.params(ctx.path, layer.captures(ctx.path)) ?? {},
      allowed: [...new Set(onPath.flatMap(({ methods }) => methods))],
    };
  };
}

/** The routes whose path is always the same, by method and path. */
function literalPaths(routes: Routes): Map<string, FoundRoute> {
  const literal = Object.entries(routes).filter(([, { path }]) => !path.includes(":"));
  return new Map(
    literal.map(([operationId, route]) => {
      const method = route.method.toUpperCase();
      return [`${method} ${route.path}`, { operationId, route, params: {}, allowed: [method] }];
    }),
  );
}

/** `/packages/search` is tried before `/packages/:id`, in whatever order they were listed. */
function literalFirst(routes: Routes): [string, Route][] {
  const rank = ({ path, method }: Route) => `${path.replaceAll(/:[^/]+/g, "\uffff")} ${method}`;
  const ranked = Object.entries(routes).map(([id, route]) => ({ id, route, rank: rank(route) }));
  ranked.sort((a, b) => (a.rank < b.rank ? -1 : 1));
  const second = ranked.find(({ rank }, index) => rank === ranked[index - 1]?.rank);
  if (second) throw new Error(`${second.id} has the method and path of another route`);
  return ranked.map(({ id, route }) => [id, route]);
}
