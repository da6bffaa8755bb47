import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import Koa from "koa";
import { Registry } from "prom-client";
import { z } from "zod";
import { createApp } from "../api/app.ts";
import { openGuessGuard } from "../api/guess-guard.ts";
import { listen } from "../api/listen.ts";
import { openFeeds } from "../api/sockets/feeds.ts";
import { createAuthenticator } from "../api/policies/accounts.ts";
import { route } from "../api/route.ts";
import { openDatabase } from "../models/database.ts";
import { MODELS } from "../models/index.ts";
import { openDownloadCounter } from "../models/packages/index.ts";
import { databasePlace } from "../platform/database-place.ts";
import { readEnv } from "../platform/env.ts";
import { openFederation } from "../platform/federation/index.ts";
import { openPayments } from "../platform/payments/index.ts";
import { openLimiter } from "../platform/limiter.ts";
import { createPasswords } from "../platform/passwords.ts";
import { openResources } from "../platform/resources.ts";

// A route that does nothing but know who asks: in the product's API, and in a bare Koa. The variables are the platform's.

const env = readEnv();
const resources = await openResources(env, "api");
const database = await openDatabase({ ...databasePlace(env), define: MODELS });
const { secretKey } = resources.keys;
const authenticate = createAuthenticator({ database, secretKey, env });
console.log(process.argv[2] === "product" ? await product() : await bare());

async function product(): Promise<string> {
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
  const app = createApp({ noOp }, services, { authenticate });
  return (await listen(app, { host: env.HOST, port: 0 })).address;
}

async function bare(): Promise<string> {
  const app = new Koa();
  app.use(async (ctx) => {
    const [, bearer = ""] = ctx.get("authorization").split(" ");
    const { name } = await authenticate({ bearer }, ctx.ip);
    ctx.body = { name };
  });
  const answer = app.callback();
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, env.HOST, resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
