import type { Database } from "../../models/database.ts";
import { createProxy, type Proxy, proxyPlace } from "../../models/proxies/index.ts";
import { newId, seal, unseal } from "../../platform/crypto.ts";
import { ADMIN } from "./actors.ts";

const KEY = Buffer.alloc(32, 7);

/** Seals and opens as a worker does, with a key of the tests. */
export const sealing = {
  seal: (text: string, place: string) => seal(KEY, text, place),
  unseal: (sealed: string, place: string) => unseal(KEY, sealed, place),
};

type Terms = Parameters<typeof createProxy>[1];

let hosts = 0;

/** A proxy of the pool; its password is `secret`. */
export async function makeProxy(database: Database, given: Partial<Terms> = {}): Promise<Proxy> {
  const id = newId();
  const terms = {
    id,
    host: `proxy-${hosts++}.example`,
    port: 8080,
    protocol: "http" as const,
    username: "u",
    password: sealing.seal("secret", proxyPlace(id)),
    region: null,
    priority: 0,
    platformTags: null,
    remark: null,
    status: "active" as const,
    maxConcurrent: 1,
    ...given,
  };
  return createProxy(database, terms, { actor: ADMIN });
}

/** What an attempt asks for. */
export function leaseOrder(given: { taskId?: string; platform?: string; seconds?: number } = {}) {
  const order = { id: newId(), taskId: newId(), stage: "download" as const, platform: null };
  return { ...order, seconds: 3600, ...given };
}
