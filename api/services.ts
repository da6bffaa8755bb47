import type { Client } from "@temporalio/client";
import type { Logger } from "pino";
import type { Database } from "../models/database.ts";
import type { Bus } from "../platform/bus.ts";
import type { Env } from "../platform/env.ts";
import type { Limiter } from "../platform/limiter.ts";
import type { ObjectStore } from "../platform/objects/index.ts";

/** What handlers may use. Opened once per process (platform/resources.ts), handed on, never imported. */
export interface Services {
  env: Env;
  log: Logger;
  database: Database;
  objects: ObjectStore;
  limiter: Limiter;
  bus: Bus;
  temporal: Client;
}
