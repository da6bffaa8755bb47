import type { Registry } from "prom-client";
import type { Logger } from "pino";
import type { Database } from "../../models/database.ts";
import type { Bus } from "../../platform/bus.ts";
import type { Env } from "../../platform/env.ts";
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
  env: Pick<Env, "FEED_CONNECTIONS">;
}): Feeds {
  const channels = openChannels(tools);
  const connections = openConnections({ ...tools, most: tools.env.FEED_CONNECTIONS });
  return {
    channels,
    connections,
    close() {
      connections.close();
      channels.close();
    },
  };
}
