import type { Transaction } from "sequelize";
import { refusal } from "../../domain/errors.ts";
import type { ProxyStatus } from "../../domain/proxies.ts";
import type { Origin } from "../accounts/audit.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";
import { nextSerial } from "../operations.ts";
import { auditProxies } from "./audit.ts";
import { Proxy } from "./tables.ts";

/** What operators say of a proxy. */
export type ProxyTerms = Pick<
  Proxy,
  | "host"
  | "port"
  | "protocol"
  | "username"
  | "region"
  | "priority"
  | "platformTags"
  | "remark"
  | "maxConcurrent"
>;

/** Adds a proxy to the pool. Its password comes sealed. */
export async function createProxy(
  database: Database,
  terms: ProxyTerms & Pick<Proxy, "id" | "status" | "password">,
  origin: Origin,
): Promise<Proxy> {
  return inTransaction(database, async (transaction) => {
    const serial = await nextSerial("proxies", transaction);
    const row = await unique(() => Proxy.create({ ...terms, serial }, { transaction }));
    await audit("proxies.added", row, origin, transaction, { after: shown(row) });
    return row;
  });
}

/** Changes a proxy. A password that is not given stays. */
export async function changeProxy(
  database: Database,
  serial: number,
  change: Partial<ProxyTerms & Pick<Proxy, "password" | "status">>,
  origin: Origin,
): Promise<Proxy> {
  return inTransaction(database, async (transaction) => {
    const row = await lockProxy(serial, transaction);
    const before = shown(row);
    await unique(() => row.update(change, { transaction }));
    const after = { ...shown(row), ...(change.password && { password: "changed" }) };
    await audit("proxies.changed", row, origin, transaction, { before, after });
    return row;
  });
}

/** Says whether a proxy may be used. One that may again begins anew. */
export async function setProxyStatus(
  database: Database,
  serial: number,
  status: ProxyStatus,
  origin: Origin,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const row = await lockProxy(serial, transaction);
    const before = { status: row.status };
    const rested = { cooldownUntil: null, consecutiveFailCount: 0, riskScore: 0 };
    await row.update({ status, ...(status === "active" && rested) }, { transaction });
    await audit("proxies.status-set", row, origin, transaction, { before, after: { status } });
  });
}

/** Takes a proxy out of the pool and forgets its password. Who goes through it now may end in peace. */
export async function deleteProxy(
  database: Database,
  serial: number,
  origin: Origin,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const row = await lockProxy(serial, transaction);
    const before = shown(row);
    await row.update({ gone: row.id, status: "inactive", password: null }, { transaction });
    await audit("proxies.removed", row, origin, transaction, { before });
  });
}

/** The proxy that the contract knows by this number; refuses when there is none. */
export async function findProxy(serial: number): Promise<Proxy> {
  return found(await Proxy.findOne({ where: { serial, gone: "" } }));
}

async function lockProxy(serial: number, transaction: Transaction): Promise<Proxy> {
  const lock = transaction.LOCK.UPDATE;
  return found(await Proxy.findOne({ where: { serial, gone: "" }, lock, transaction }));
}

function found(proxy: Proxy | null): Proxy {
  if (proxy) return proxy;
  throw refusal("proxies/not-found", "There is no such proxy.");
}

async function unique<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!isTaken(error)) throw error;
    throw refusal("proxies/taken", "There is a proxy at this host and port already.");
  }
}

/** What the audit shows: everything but the password. */
function shown({ host, port, protocol, username, region, priority, status, ...rest }: Proxy) {
  const { platformTags, remark, maxConcurrent } = rest;
  const terms = { host, port, protocol, username, region, priority, status };
  return { ...terms, platformTags, remark, maxConcurrent };
}

function audit(
  action: string,
  { serial }: Proxy,
  origin: Origin,
  transaction: Transaction,
  change: { before?: unknown; after?: unknown },
): Promise<void> {
  const about = { subjectKind: "proxy", subjectId: `${serial}`, ...change };
  return auditProxies(origin, action, about, transaction);
}
