import Koa from "koa";
import { answerBeforeBodyEnds } from "./bodies/arrival.ts";
import { logAccess } from "./middleware/access-log.ts";
import { countRequests } from "./middleware/count-requests.ts";
import { answerErrors, isDeparture } from "./middleware/errors.ts";
import { findRoute } from "./middleware/find-route.ts";
import { limitRequests } from "./middleware/limits.ts";
import { identifyRequest } from "./middleware/request-id.ts";
import { allowOrigins, secureHeaders } from "./middleware/security-headers.ts";
import { type Authenticate, signIn } from "./middleware/sign-in.ts";
import type { RequestState } from "./context.ts";
import type { Routes } from "./route.ts";
import { serveRoutes } from "./serve.ts";
import type { Services } from "./services.ts";

export type App = Koa<RequestState>;

/** What the kernel asks of the domain of accounts. */
export interface AppParts {
  authenticate: Authenticate;
}

/** The API: all middleware, in the order a request meets them. */
export function createApp(routes: Routes, services: Services, { authenticate }: AppParts): App {
  const { env, log, metrics, limiter } = services;
  const app: App = new Koa<RequestState>();
  app
    .use(identifyRequest(log, env.TRUST_PROXY))
    .use(findRoute(routes))
    .use(logAccess())
    .use(countRequests(metrics))
    .use(answerBeforeBodyEnds())
    .use(secureHeaders(env.publicUrl))
    .use(allowOrigins(env.CORS_ORIGINS))
    .use(answerErrors())
    .use(signIn(authenticate))
    .use(limitRequests(limiter, env))
    .use(serveRoutes(services));
  // What comes here happened to the connection, after or beside the answer.
  app.on("error", (error: unknown) => {
    if (!isDeparture(error)) log.error({ err: error }, "connection failed");
  });
  return app;
}
