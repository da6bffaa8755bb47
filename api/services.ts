import type { Client } from "@temporalio/client";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { Database } from "../models/database.ts";
import type { DownloadCounter } from "../models/packages/index.ts";
import type { Bus } from "../platform/bus.ts";
import type { CardCodes } from "../platform/card-codes.ts";
import type { CardProofs } from "../platform/card-proofs.ts";
import type { Env } from "../platform/env.ts";
import type { Federation } from "../platform/federation/index.ts";
import type { Limiter } from "../platform/limiter.ts";
import type { ObjectStore } from "../platform/objects/index.ts";
import type { Outbound } from "../platform/outbound.ts";
import type { Passwords } from "../platform/passwords.ts";
import type { Payments } from "../platform/payments/index.ts";
import type { GuessGuard } from "./guess-guard.ts";
import type { Feeds } from "./sockets/feeds.ts";
import type { Transfers } from "./transfers.ts";

/** Whether the platform can do its work now, and what stands in the way. */
export interface Readiness {
  ready: boolean;
  /** What the platform cannot do without, by name: `database`, `temporal`, … */
  checks: Record<string, { ok: boolean; detail?: string }>;
  /** What works, but not as well as it could. */
  warnings: string[];
}

/** What handlers may use. Opened once per process (platform/resources.ts), handed on, never imported. */
export interface Services {
  env: Env;
  /** The version of the product, as package.json has it. */
  version: string;
  log: Logger;
  /** Where the API's counters go, and what `/metrics` shows. */
  metrics: Registry;
  readiness(): Promise<Readiness>;
  database: Database;
  /** Files of downloads on their way to their owners. */
  transfers: Transfers;
  /** Counts what was downloaded whole. */
  downloads: DownloadCounter;
  /** Signs tokens and links, seals columns: `deriveKey` makes one key per purpose out of it. */
  secretKey: string;
  /** Hashes and seals the codes of cards. */
  cardCodes: CardCodes;
  /** Keeps them from being found by trying. */
  guesses: GuessGuard;
  /** Signs what clients are told of them. */
  cardProofs: CardProofs;
  passwords: Passwords;
  objects: ObjectStore;
  limiter: Limiter;
  bus: Bus;
  /** What people and programs follow, and who does so here. */
  feeds: Feeds;
  temporal: Client;
  /** Who vouches for people at sign-in. */
  federation: Federation;
  /** Who takes money for the platform. */
  payments: Payments;
  /** The way to addresses that users give. */
  outbound: Outbound;
}
