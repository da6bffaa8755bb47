import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { Registry } from "prom-client";
import { onTestFinished } from "vitest";
import { createApp } from "../../api/app.ts";
import { openGuessGuard } from "../../api/guess-guard.ts";
import { listen } from "../../api/listen.ts";
import { openFeeds } from "../../api/sockets/feeds.ts";
import { openGateway } from "../../api/sockets/gateway.ts";
import { openTransfers } from "../../api/transfers.ts";
import type { Authenticate } from "../../api/middleware/sign-in.ts";
import type { Routes } from "../../api/route.ts";
import type { Services } from "../../api/services.ts";
import type { Actor } from "../../domain/accounts.ts";
import { refusal } from "../../domain/errors.ts";
import type { Event } from "../../domain/events.ts";
import type { Database } from "../../models/database.ts";
import { openDownloadCounter } from "../../models/packages/index.ts";
import { openLocalBus, type Parent } from "../../platform/bus.ts";
import { cardKeys, openCardCodes } from "../../platform/card-codes.ts";
import { openCardProofs } from "../../platform/card-proofs.ts";
import { createPasswords } from "../../platform/passwords.ts";
import { openPayments } from "../../platform/payments/index.ts";
import { openOutbound } from "../../platform/outbound.ts";
import { readEnv } from "../../platform/env.ts";
import { openObjectStore } from "../../platform/objects/index.ts";
import { openTestDatabase } from "./database.ts";
import { openFederation } from "../../platform/federation/index.ts";
import { openLimiter } from "../../platform/limiter.ts";
import { fakeTemporal, type TemporalFake } from "./fakes/temporal.ts";

/** The test's own process is nobody's child. */
const NO_PARENT: Parent = { on: () => undefined, off: () => undefined };

/** Stands in where nothing is kept: any use is a mistake of the test. */
const NO_DATABASE: Database = {
  dialect: "sqlite",
  get sequelize(): never {
    throw new Error("this test has no database: give `services.database`");
  },
  transact: () => Promise.reject(new Error("this test has no database: give `services.database`")),
  ask: () => Promise.reject(new Error("this test has no database: give `services.database`")),
  lookUp: () => Promise.reject(new Error("this test has no database: give `services.database`")),
  close: async () => undefined,
};

export { ADMIN, NOBODY, STRANGER } from "./actors.ts";

/** What a test changes of the API that it starts. */
export interface ApiGiven {
  /** All routes of the product when not given. */
  routes?: Routes;
  /** Variables of platform/env.ts. */
  env?: Record<string, string>;
  services?: Partial<Services>;
  /** How long a client may be silent; as in production when not given. */
  idleMs?: number;
  /** Who a credential belongs to that `call` did not make up; the product's own answer with its own routes. */
  authenticate?: (services: Services) => Authenticate;
}

/** What came back from `call`: JSON as a value, anything else as text. */
export interface Answer {
  status: number;
  headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into bodies of every shape
  body: any;
}

/** What a call carries beside its method and path. */
export interface CallGiven {
  json?: unknown;
  form?: FormData;
  headers?: Record<string, string>;
}

/** A running API with an address of its own; it ends with the test. */
export interface StartedApi {
  address: string;
  services: Services;
  temporal: TemporalFake;
  /** Every line that was logged. */
  logged: Record<string, unknown>[];
  /** Calls as this actor, signed in by a token made up for it; as nobody when undefined. */
  call(actor: Actor | undefined, method: string, path: string, given?: CallGiven): Promise<Answer>;
  /** The bearer token by which `actor` is known here. */
  tokenOf(actor: Actor): string;
  close(deadlineMs?: number): Promise<void>;
}

/** Starts the API on a free port, with SQLite and objects in temporary folders and a Temporal client that remembers. */
export async function startApi(given: ApiGiven = {}): Promise<StartedApi> {
  const temporal = fakeTemporal();
  const logged: Record<string, unknown>[] = [];
  const services = await openServices(given, temporal, logged);
  const tokens = new Map<string, Actor>();
  const otherwise =
    given.authenticate?.(services) ?? (given.routes ? undefined : await real(services));
  const authenticate: Authenticate = async (credentials, address) => {
    const actor = tokens.get(credentials.bearer ?? credentials.apiKey ?? "");
    if (actor) return actor;
    if (otherwise) return otherwise(credentials, address);
    throw credentials.apiKey
      ? refusal("accounts/api-key-invalid", "Invalid API Key")
      : refusal("accounts/not-signed-in", "Could not validate credentials");
  };
  const routes = given.routes ?? (await import("../../api/routes/index.ts")).routes;
  const listening = await listen(createApp(routes, services, { authenticate }), {
    host: "127.0.0.1",
    port: 0,
    takeUpgrade: openGateway(services, authenticate),
    ...(given.idleMs && { idleMs: given.idleMs }),
  });
  const close = async (deadlineMs = 0) => {
    services.feeds.close();
    await listening.close(deadlineMs);
  };
  onTestFinished(() => close());

  const tokenOf = (actor: Actor) => {
    const token = randomUUID();
    tokens.set(token, actor);
    return token;
  };
  const call: StartedApi["call"] = async (actor, method, path, { json, form, headers } = {}) => {
    const body = json === undefined ? form : JSON.stringify(json);
    const response = await fetch(new URL(path, listening.address), {
      method,
      redirect: "manual",
      headers: {
        ...(actor && { Authorization: `Bearer ${tokenOf(actor)}` }),
        ...(json !== undefined && { "Content-Type": "application/json" }),
        ...headers,
      },
      ...(body && { body }),
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get("Content-Type") ?? "") && text !== "";
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? (JSON.parse(text) as unknown) : text,
    };
  };
  return { address: listening.address, services, temporal, logged, call, tokenOf, close };
}

async function real(services: Services): Promise<Authenticate> {
  const { createAuthenticator } = await import("../../api/policies/accounts.ts");
  return createAuthenticator(services);
}

async function openServices(
  { env: variables, services, routes }: ApiGiven,
  temporal: TemporalFake,
  logged: Record<string, unknown>[],
): Promise<Services> {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-api-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const env = readEnv({
    NODE_ENV: "test",
    LONGHAUL_DATA: folder,
    SECRET_KEY: "a secret key for tests, long enough",
    ...variables,
  });
  const write = (line: string) => {
    logged.push(JSON.parse(line) as Record<string, unknown>);
  };
  const federation = openFederation(env.federation, env.OUTBOUND_ALLOW);
  onTestFinished(() => federation.close());
  const payments = openPayments(env.payments, env.publicUrl);
  onTestFinished(() => payments.close());
  // Routes of the kernel's own tests keep nothing: opening a database for each would only cost time.
  const bus = services?.bus ?? openLocalBus(NO_PARENT);
  const announce = (event: Event) => bus.announce(event);
  const database = services?.database ?? (routes ? NO_DATABASE : await openTestDatabase(announce));
  const log = pino({ level: "debug" }, { write });
  const metrics = new Registry();
  const feeds = openFeeds({ env, database, bus, log, metrics });
  onTestFinished(() => feeds.close());
  const keysOfCards = cardKeys(env.SECRET_KEY!, env.CARD_KEYS);
  const limiter = services?.limiter ?? openLimiter();
  const transfers = openTransfers({ env, log, metrics });
  onTestFinished(() => transfers.close());
  return {
    env,
    version: "0.0.0-test",
    log,
    metrics,
    readiness: async () => ({ ready: true, checks: {}, warnings: [] }),
    secretKey: env.SECRET_KEY!,
    cardCodes: openCardCodes(keysOfCards),
    cardProofs: openCardProofs(keysOfCards),
    passwords: createPasswords(),
    database,
    federation,
    payments,
    downloads: openDownloadCounter(database),
    objects:
      services?.objects ??
      (await openObjectStore({ s3: undefined, folder: join(folder, "objects") })),
    limiter,
    bus,
    feeds,
    transfers,
    guesses: openGuessGuard({ limiter, bus, log, metrics, rate: env.LIMIT_CARD_GUESS }),
    temporal: temporal.client,
    outbound: openOutbound(env.OUTBOUND_ALLOW),
    ...services,
  };
}
