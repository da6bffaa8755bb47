import { fileURLToPath } from "node:url";
import { Client, Connection } from "@temporalio/client";
import { NativeConnection, Worker } from "@temporalio/worker";
import { Registry } from "prom-client";
import { z } from "zod";
import { createApp } from "../api/app.ts";
import { rememberKeys } from "../api/key-memory.ts";
import { openDownloadCounter } from "../models/packages/index.ts";
import { openGuessGuard } from "../api/guess-guard.ts";
import { listen } from "../api/listen.ts";
import { openFeeds } from "../api/sockets/feeds.ts";
import { openTransfers } from "../api/transfers.ts";
import { createAuthenticator } from "../api/policies/accounts.ts";
import { route } from "../api/route.ts";
import { openDatabase } from "../models/database.ts";
import { MODELS } from "../models/index.ts";
import { newId } from "../platform/crypto.ts";
import { databasePlace } from "../platform/database-place.ts";
import { readEnv } from "../platform/env.ts";
import { openFederation } from "../platform/federation/index.ts";
import { openPayments } from "../platform/payments/index.ts";
import { openLimiter } from "../platform/limiter.ts";
import { createPasswords } from "../platform/passwords.ts";
import { openResources } from "../platform/resources.ts";
import { nameCaller } from "../workers/interceptors/activity.ts";

// The parts of the comparison of workflows, each a process of its own. The variables are those of the platform.

const [role = "", queue = "", count = "0", atOnce = "1", waits = ""] = process.argv.slice(2);
const env = readEnv();
const ROLES: Record<string, () => Promise<void>> = { worker, app, client };
await ROLES[role]!();

/** Works as the product's workers do on the queue `product`, and as the SDK does by itself on any other. */
async function worker(): Promise<void> {
  const connection = await NativeConnection.connect({ address: env.TEMPORAL_ADDRESS! });
  const path = (file: string) => fileURLToPath(new URL(file, import.meta.url));
  const interceptors = {
    workflowModules: [path("../workers/interceptors/workflow.ts")],
    activity: [nameCaller],
  };
  const worker = await Worker.create({
    connection,
    namespace: env.TEMPORAL_NAMESPACE,
    taskQueue: queue,
    workflowsPath: path("echo-workflow.ts"),
    activities: { say: async (text: string) => text },
    ...(queue === "product" && { interceptors }),
  });
  console.log("ready");
  await worker.run();
}

/** The product's API with a route of its own that starts the workflow, and waits for its end when told so. */
async function app(): Promise<void> {
  const resources = await openResources(env, "api");
  const database = await openDatabase({ ...databasePlace(env), define: MODELS });
  const { secretKey } = resources.keys;
  const limiter = openLimiter();
  const metrics = new Registry();
  const services = {
    ...resources,
    database,
    secretKey,
    metrics,
    downloads: openDownloadCounter(database),
    federation: openFederation(env.federation, env.OUTBOUND_ALLOW),
    payments: openPayments(env.payments, env.publicUrl),
    version: "bench",
    limiter,
    feeds: openFeeds({ ...resources, database, metrics }),
    transfers: openTransfers({ ...resources, metrics }),
    guesses: openGuessGuard({ ...resources, limiter, metrics, rate: env.LIMIT_CARD_GUESS }),
    passwords: createPasswords(),
    readiness: async () => ({ ready: true, checks: {}, warnings: [] }),
  };
  const startEcho = route({
    method: "post",
    path: "/echo",
    summary: "Start a workflow",
    access: "packages:query",
    credential: "api-key",
    body: z.strictObject({ text: z.string(), waits: z.boolean() }),
    returns: [200, z.strictObject({ text: z.string() })],
    async handle({ body, services: { temporal } }) {
      const started = await temporal.workflow.start("echo", {
        taskQueue: "product",
        workflowId: newId(),
        args: [body.text],
      });
      const text: unknown = body.waits ? await started.result() : "";
      return { text: String(text) };
    },
  });
  const authenticate = rememberKeys(
    createAuthenticator({ database, secretKey, env }),
    resources.bus,
  );
  const listening = await listen(createApp({ startEcho }, services, { authenticate }), {
    host: env.HOST,
    port: 0,
  });
  console.log(listening.address);
}

/** Starts so many workflows, so many at once, by the SDK; with an address as `queue` by the app that listens there. */
async function client(): Promise<void> {
  const begin = queue.startsWith("http") ? byApp(queue) : await bySdk();
  const latenciesMs: number[] = [];
  let left = Number(count);
  const one = async () => {
    while (left-- > 0) {
      const began = performance.now();
      await begin();
      latenciesMs.push(performance.now() - began);
    }
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: Number(atOnce) }, one));
  const seconds = (performance.now() - began) / 1000;
  const median = latenciesMs.sort((a, b) => a - b)[latenciesMs.length >> 1];
  console.log(JSON.stringify({ seconds, median }));
  process.exit(0);
}

async function bySdk() {
  const connection = await Connection.connect({ address: env.TEMPORAL_ADDRESS! });
  const sdk = new Client({ connection, namespace: env.TEMPORAL_NAMESPACE });
  return async () => {
    const options = { taskQueue: queue, workflowId: newId(), args: ["text"] };
    const started = await sdk.workflow.start("echo", options);
    if (waits) await started.result();
  };
}

function byApp(address: string) {
  const request = {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": process.env["BENCH_KEY"]! },
    body: JSON.stringify({ text: "text", waits: waits !== "" }),
  };
  return async () => {
    const answer = await fetch(`${address}/echo`, request);
    if (!answer.ok) throw new Error(`the app answered ${answer.status}`);
    await answer.text();
  };
}
