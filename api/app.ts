import type { RequestListener } from "node:http";
import Koa from "koa";
import { answerBeforeBodyEnds } from "./bodies/arrival.ts";
import { logAccess } from "./middleware/access-log.ts";
import { countRequests } from "./middleware/count-requests.ts";
import { answerError, isDeparture } from "./middleware/errors.ts";
import { findRoute } from "./middleware/find-route.ts";
import { limitRequests } from "./middleware/limits.ts";
import { proveAnswers } from "./middleware/prove-answers.ts";
import { identifyRequest } from "./middleware/request-id.ts";
import { allowOrigins, secureHeaders } from "./middleware/security-headers.ts";
import { type Authenticate, signIn } from "./middleware/sign-in.ts";
import type { Context, Middleware, RequestState, Step } from "./context.ts";
import { createFastLane } from "./fast-lane.ts";
import type { Routes } from "./route.ts";
import { serveRoutes } from "./serve.ts";
import type { Services } from "./services.ts";

/** What the kernel asks of the domain of accounts. */
export interface AppParts {
  authenticate: Authenticate;
}

/** The API: all that is done with a request, in this order, whichever way it goes. */
export function createApp(
  routes: Routes,
  services: Services,
  { authenticate }: AppParts,
): RequestListener {
  const { env, log } = services;
  const receive = receiveRequests(routes, services);
  const allow = allowOrigins(env.CORS_ORIGINS);
  const serve = answerRequests(services, authenticate);
  const app = new Koa<RequestState>();
  // What comes here happened to the connection, after or beside the answer.
  app.on("error", (error: unknown) => {
    if (!isDeparture(error)) log.error({ err: error }, "connection failed");
  });
  const usual = secureHeaders(env.publicUrl);
  const received: Middleware = (ctx, next) => {
    ctx.set(usual);
    receive(ctx);
    return next();
  };
  const listener = app.use(received).use(answerBeforeBodyEnds()).use(allow).use(serve).callback();
  const fastLane = createFastLane(app, routes, {
    usual,
    answer(ctx) {
      receive(ctx);
      return allow(ctx, () => serve(ctx)) as Promise<void>;
    },
  });
  return (req, res) => void (fastLane(req, res) ?? listener(req, res));
}

/** What is known of a request at once, and what happens however it ends. */
function receiveRequests(routes: Routes, { env, log, metrics }: Services): Step {
  const identify = identifyRequest(log, env.TRUST_PROXY);
  const find = findRoute(routes);
  const logEnd = logAccess(log);
  const count = countRequests(metrics);
  return (ctx) => {
    const began = performance.now();
    count.begin();
    identify(ctx);
    ctx.res.once("close", () => {
      const tookMs = performance.now() - began;
      logEnd(ctx, tookMs);
      count.end(ctx, tookMs);
    });
    find(ctx);
  };
}

/** From who is asking to the answer, or the "no". */
function answerRequests(
  services: Services,
  authenticate: Authenticate,
): (ctx: Context) => Promise<void> {
  const steps = [
    signIn(authenticate),
    limitRequests(services.limiter, services.env),
    serveRoutes(services),
  ];
  const prove = proveAnswers(services.cardProofs);
  return async (ctx) => {
    try {
      for (const step of steps) {
        const pending = step(ctx);
        if (pending) await pending;
      }
    } catch (error) {
      answerError(ctx, error);
    }
    prove(ctx);
  };
}
