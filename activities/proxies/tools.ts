import type { Database } from "../../models/database.ts";
import type { ProxySource } from "../../platform/proxy-source.ts";

/** What the activities of proxies work with. */
export interface ProxyTools {
  database: Database;
  /** Undefined where no provider is configured. */
  proxySource: ProxySource | undefined;
  /** Seals a secret for its place. */
  seal: (text: string, place: string) => string;
}
