import { Registry, collectDefaultMetrics } from "prom-client";
import { openDatabase } from "../models/database.ts";
import { MODELS } from "../models/index.ts";
import { openDownloadCounter } from "../models/packages/index.ts";
import { databasePlace } from "../platform/database-place.ts";
import { readEnv } from "../platform/env.ts";
import { openFederation } from "../platform/federation/index.ts";
import { keepHeapTight } from "../platform/heap.ts";
import { openLimiter } from "../platform/limiter.ts";
import { createPasswords, readBreachedPasswords } from "../platform/passwords.ts";
import { openPayments } from "../platform/payments/index.ts";
import { closeRedis, openRedis } from "../platform/redis.ts";
import { openResources } from "../platform/resources.ts";
import { runProcess } from "../platform/shutdown.ts";
import { tellReady } from "../platform/supervised.ts";
import { readVersion } from "../platform/version.ts";
import { createApp } from "./app.ts";
import { rememberKeys } from "./key-memory.ts";
import { openGuessGuard } from "./guess-guard.ts";
import { listen } from "./listen.ts";
import { createAuthenticator } from "./policies/accounts.ts";
import { watchReadiness } from "./readiness.ts";
import { routes } from "./routes/index.ts";
import type { Services } from "./services.ts";
import { openFeeds } from "./sockets/feeds.ts";
import { openGateway } from "./sockets/gateway.ts";
import { openTransfers } from "./transfers.ts";
import { showVitalSigns } from "./vital-signs.ts";

/** How long requests in flight may go on after the API was asked to stop. */
const DRAIN_MS = 5_000;

await runProcess("api", async (onStop) => {
  keepHeapTight();
  const env = readEnv();
  const resources = await openResources(env, "api");
  onStop(() => resources.close());
  const database = await openDatabase({
    ...databasePlace(env),
    define: MODELS,
    announce: (event) => resources.bus.announce(event),
  });
  onStop(() => database.close());
  const { secretKey } = resources.keys;
  const redis = env.REDIS_URL ? await openRedis(env.REDIS_URL) : undefined;
  if (redis) onStop(() => closeRedis(redis));
  const metrics = new Registry();
  collectDefaultMetrics({ register: metrics });

  const federation = openFederation(env.federation, env.OUTBOUND_ALLOW);
  onStop(() => federation.close());
  const payments = openPayments(env.payments, env.publicUrl);
  onStop(() => payments.close());

  const limiter = openLimiter(redis, `${env.TEMPORAL_NAMESPACE}:`);
  const transfers = openTransfers({ ...resources, metrics, redis });
  onStop(() => transfers.close());
  const feeds = openFeeds({ ...resources, database, metrics, redis });
  const readiness = watchReadiness({ ...resources, database, redis });
  showVitalSigns({ ...resources, metrics, readiness });
  const services: Services = {
    ...resources,
    database,
    federation,
    payments,
    downloads: openDownloadCounter(database),
    metrics,
    version: readVersion(),
    limiter,
    feeds,
    transfers,
    guesses: openGuessGuard({ ...resources, limiter, metrics, rate: env.LIMIT_CARD_GUESS }),
    secretKey,
    passwords: createPasswords({ breached: await readBreachedPasswords(env.BREACHED_PASSWORDS) }),
    readiness,
  };
  const authenticate = rememberKeys(createAuthenticator(services), resources.bus);
  const app = createApp(routes, services, { authenticate });
  const takeUpgrade = openGateway(services, authenticate);
  const listening = await listen(app, { host: env.HOST, port: env.PORT, takeUpgrade });
  onStop(() => listening.close(DRAIN_MS));
  // First of all: who follows a feed would be waited for.
  onStop(() => feeds.close());
  resources.log.info({ address: listening.address }, "api listens");
  tellReady();
  await new Promise(() => {});
});
