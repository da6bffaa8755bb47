import type { Registry } from "prom-client";
import type { Logger } from "pino";
import type { Redis } from "ioredis";
import type { Database } from "../../models/database.ts";
import type { Bus } from "../../platform/bus.ts";
import type { Env } from "../../platform/env.ts";
import { openTallies } from "../../platform/tallies.ts";
import { type Channels, openChannels } from "./channels.ts";
import { type Connections, openConnections } from "./connections.ts";

/** The feeds that are followed through this process, and by whom. */
export interface Feeds {
  channels: Channels;
  connections: Connections;
  /** Tells everybody to go, and looks at nothing any more. */
  close(): void;
}

/** Opens what sockets and streams of events stand on. */
export function openFeeds(tools: {
  database: Database;
  bus: Bus;
  log: Logger;
  metrics: Registry;
  env: Pick<Env, "FEED_CONNECTIONS" | "TEMPORAL_NAMESPACE">;
  /** Where processes count together; without it this one counts alone. */
  redis?: Redis | undefined;
}): Feeds {
  const channels = openChannels(tools);
  const { env, redis } = tools;
  const tallies = redis && openTallies(redis, `${env.TEMPORAL_NAMESPACE}:connections:`);
  const connections = openConnections({ ...tools, most: env.FEED_CONNECTIONS, tallies });
  return {
    channels,
    connections,
    close() {
      connections.close();
      channels.close();
    },
  };
}
