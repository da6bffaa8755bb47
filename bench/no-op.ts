import type { RequestListener } from "node:http";
import Koa from "koa";
import { Registry } from "prom-client";
import { z } from "zod";
import type * as app from "../api/app.ts";
import type * as guessGuard from "../api/guess-guard.ts";
import type * as listening from "../api/listen.ts";
import type * as accounts from "../api/policies/accounts.ts";
import type * as routes from "../api/route.ts";
import type * as sockets from "../api/sockets/feeds.ts";
import type * as outgoing from "../api/transfers.ts";
import type * as databases from "../models/database.ts";
import type * as models from "../models/index.ts";
import type * as packages from "../models/packages/index.ts";
import type * as places from "../platform/database-place.ts";
import type * as envs from "../platform/env.ts";
import type * as federations from "../platform/federation/index.ts";
import type * as limiters from "../platform/limiter.ts";
import type * as passwords from "../platform/passwords.ts";
import type * as payments from "../platform/payments/index.ts";
import type * as resourcesOf from "../platform/resources.ts";

// A route that does nothing but know who asks: in the product's API, and in a bare Koa, both behind the same server and
// with the same check of the token, and both as `npm start` runs them: compiled. The variables are the platform's.

const { createApp } = await built<typeof app>("api/app");
const { openGuessGuard } = await built<typeof guessGuard>("api/guess-guard");
const { listen } = await built<typeof listening>("api/listen");
const { createAuthenticator } = await built<typeof accounts>("api/policies/accounts");
const { route } = await built<typeof routes>("api/route");
const { openFeeds } = await built<typeof sockets>("api/sockets/feeds");
const { openTransfers } = await built<typeof outgoing>("api/transfers");
const { openDatabase } = await built<typeof databases>("models/database");
const { MODELS } = await built<typeof models>("models/index");
const { openDownloadCounter } = await built<typeof packages>("models/packages/index");
const { databasePlace } = await built<typeof places>("platform/database-place");
const { readEnv } = await built<typeof envs>("platform/env");
const { openFederation } = await built<typeof federations>("platform/federation/index");
const { openLimiter } = await built<typeof limiters>("platform/limiter");
const { createPasswords } = await built<typeof passwords>("platform/passwords");
const { openPayments } = await built<typeof payments>("platform/payments/index");
const { openResources } = await built<typeof resourcesOf>("platform/resources");

const env = readEnv();
const resources = await openResources(env, "api");
const database = await openDatabase({ ...databasePlace(env), define: MODELS });
const { secretKey } = resources.keys;
const authenticate = createAuthenticator({ database, secretKey, env });
const { address } = await listen(process.argv[2] === "product" ? product() : bare(), {
  host: env.HOST,
  port: 0,
});
console.log(address);
process.once("SIGTERM", () => process.exit(0));

function built<M>(path: string): Promise<M> {
  return import(new URL(`../dist/${path}.js`, import.meta.url).href) as Promise<M>;
}

function product(): RequestListener {
  const limiter = openLimiter();
  const metrics = new Registry();
  const services = {
    ...resources,
    database,
    secretKey,
    federation: openFederation(env.federation, []),
    payments: openPayments(env.payments, env.publicUrl),
    metrics,
    downloads: openDownloadCounter(database),
    version: "bench",
    limiter,
    feeds: openFeeds({ ...resources, database, metrics }),
    transfers: openTransfers({ ...resources, metrics }),
    guesses: openGuessGuard({ ...resources, limiter, metrics, rate: env.LIMIT_CARD_GUESS }),
    passwords: createPasswords(),
    readiness: async () => ({ ready: true, checks: {}, warnings: [] }),
  };
  const noOp = route({
    method: "get",
    path: "/no-op",
    summary: "Do nothing",
    access: "signed-in",
    hot: true,
    returns: [200, z.strictObject({ name: z.string() })],
    handle: ({ actor }) => ({ name: actor.name }),
  });
  return createApp({ noOp }, services, { authenticate });
}

function bare(): RequestListener {
  const app = new Koa();
  app.use(async (ctx) => {
    const [, bearer = ""] = ctx.get("authorization").split(" ");
    const { name } = await authenticate({ bearer }, ctx.ip);
    ctx.body = { name };
  });
  const answer = app.callback();
  return (request, response) => void answer(request, response);
}
