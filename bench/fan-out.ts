import { fork } from "node:child_process";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { Registry } from "prom-client";
import { WebSocket, WebSocketServer } from "ws";
import type * as listening from "../api/listen.ts";
import type * as accounts from "../api/policies/accounts.ts";
import type * as feedsOf from "../api/sockets/feeds.ts";
import type * as gateways from "../api/sockets/gateway.ts";
import type * as databases from "../models/database.ts";
import type * as published from "../models/feeds/index.ts";
import type * as models from "../models/index.ts";
import type * as buses from "../platform/bus.ts";
import type * as places from "../platform/database-place.ts";
import type * as envs from "../platform/env.ts";
import type * as limiters from "../platform/limiter.ts";

// What many clients follow at the same time: the product's sockets, which read each message from the database once it
// was committed by another process, and the broadcast of the documentation of ws, which sends a text that is there.
// Lines on stdin, `<messages> <milliseconds between them>`, have messages sent. The variables are the platform's.

const [, , role, accountId = "", taskId = ""] = process.argv;
const TEXT = "one line of the log of something that is under way, as long as such lines are";
const note = { taskId, accountId, kind: "package", level: "info", message: TEXT } as const;

const ROLES: Readonly<Record<string, () => Promise<void>>> = { product, bare, publisher };
await ROLES[role!]!();
process.once("SIGTERM", () => process.exit(0));

function built<M>(path: string): Promise<M> {
  return import(new URL(`../dist/${path}.js`, import.meta.url).href) as Promise<M>;
}

async function openBoth(announce?: databases.Announce) {
  const { openDatabase } = await built<typeof databases>("models/database");
  const { MODELS } = await built<typeof models>("models/index");
  const { databasePlace } = await built<typeof places>("platform/database-place");
  const { readEnv } = await built<typeof envs>("platform/env");
  const env = readEnv();
  const place = databasePlace(env);
  const heard = announce ? { announce } : {};
  return { env, database: await openDatabase({ ...place, define: MODELS, ...heard }) };
}

/** The product's feeds and sockets, with all that stands before them. A process of its own changes the database. */
async function product(): Promise<void> {
  const { listen } = await built<typeof listening>("api/listen");
  const { createAuthenticator } = await built<typeof accounts>("api/policies/accounts");
  const { openFeeds } = await built<typeof feedsOf>("api/sockets/feeds");
  const { openGateway } = await built<typeof gateways>("api/sockets/gateway");
  const { openLocalBus } = await built<typeof buses>("platform/bus");
  const { openLimiter } = await built<typeof limiters>("platform/limiter");
  const { env, database } = await openBoth();
  const [self = "", file = ""] = process.argv.slice(0, 2);
  const child = fork(file, ["publisher", accountId, taskId], { execPath: self });
  const bus = openLocalBus({
    connected: true,
    on: (name, hear) => child.on(name, hear),
    off: (name, hear) => child.off(name, hear),
  });
  const log = pino({ level: "warn" });
  const metrics = new Registry();
  const feeds = openFeeds({ env, database, bus, log, metrics });
  const secretKey = env.SECRET_KEY!;
  const authenticate = createAuthenticator({ database, secretKey, env });
  const services = { env, feeds, limiter: openLimiter(), log };
  const takeUpgrade = openGateway(services, authenticate);
  const { address } = await listen((_, res) => res.end(), { host: env.HOST, port: 0, takeUpgrade });
  onOrder((order) => void child.send(order));
  console.log(address);
}

/** Commits messages one after the other, as a line of the product does. */
async function publisher(): Promise<void> {
  const { publishNote } = await built<typeof published>("models/feeds/index");
  const { inTransaction } = await built<typeof databases>("models/database");
  const announce: databases.Announce = (event) => process.send!({ type: "longhaul/event", event });
  const { database } = await openBoth(announce);
  process.on("message", ({ messages, everyMs }: Order) => {
    void paced(messages, everyMs, () =>
      inTransaction(database, (transaction) => publishNote(note, transaction)),
    );
  });
  process.on("disconnect", () => process.exit(0));
}

/** The broadcast of the documentation of ws. */
async function bare(): Promise<void> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
  await once(server, "listening");
  let seq = 0;
  const broadcast = () => {
    const { level, message } = note;
    const data = { task_id: taskId, level, message, timestamp: new Date().toISOString() };
    const text = Buffer.from(JSON.stringify({ event: "task:log", seq: ++seq, data }));
    for (const client of server.clients) {
      if (client.readyState === WebSocket.OPEN) client.send(text, { binary: false });
    }
  };
  onOrder(({ messages, everyMs }) => void paced(messages, everyMs, broadcast));
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

interface Order {
  messages: number;
  everyMs: number;
}

function onOrder(take: (order: Order) => void): void {
  process.stdin.setEncoding("utf8").on("data", (lines: string) => {
    for (const line of lines.split("\n").filter(Boolean)) {
      const [messages = 0, everyMs = 0] = line.split(" ").map(Number);
      take({ messages, everyMs });
    }
  });
}

async function paced(messages: number, everyMs: number, send: () => unknown): Promise<void> {
  const began = performance.now();
  for (let sent = 0; sent < messages; sent++) {
    await sleep(Math.max(0, began + sent * everyMs - performance.now()));
    await send();
  }
}
