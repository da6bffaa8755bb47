import { join } from "node:path";
import type { Client } from "@temporalio/client";
import type { Logger } from "pino";
import { openLocalBus, openRedisBus, type Bus } from "./bus.ts";
import { type CardCodes, cardKeys, openCardCodes } from "./card-codes.ts";
import { type CardProofs, openCardProofs } from "./card-proofs.ts";
import type { Env } from "./env.ts";
import { type Fault, openFaults } from "./faults.ts";
import { ensureKeys, type Keys } from "./keys.ts";
import { openLog } from "./log.ts";
import { openObjectStore, type ObjectStore } from "./objects/index.ts";
import { openOutbound, type Outbound } from "./outbound.ts";
import { openTemporalClient } from "./temporal.ts";

/** What every process opens once and closes at its end. */
export interface Resources {
  env: Env;
  log: Logger;
  keys: Keys;
  cardCodes: CardCodes;
  cardProofs: CardProofs;
  objects: ObjectStore;
  bus: Bus;
  temporal: Client;
  outbound: Outbound;
  fault: Fault;
  close(): Promise<void>;
}

/** Opens what the configuration names: each backend is external exactly when its variable is set. */
export async function openResources(env: Env, part: string): Promise<Resources> {
  const log = openLog(part, env.LOG_LEVEL);
  const keys = await ensureKeys(env);
  const keysOfCards = cardKeys(keys.secretKey, env.CARD_KEYS);
  const objects = await openObjectStore({ s3: env.s3, folder: join(env.dataFolder, "objects") });
  const bus = env.REDIS_URL
    ? await openRedisBus(env.REDIS_URL, `${env.TEMPORAL_NAMESPACE}:`)
    : openLocalBus();
  const temporal = openTemporalClient(env);
  const outbound = openOutbound(env.OUTBOUND_ALLOW);
  return {
    env,
    log,
    keys,
    cardCodes: openCardCodes(keysOfCards),
    cardProofs: openCardProofs(keysOfCards),
    objects,
    bus,
    temporal: temporal.client,
    outbound,
    fault: openFaults(env.FAULT_ORDER),
    async close() {
      await outbound.close();
      await bus.close();
      await temporal.close();
    },
  };
}
