import { fn, literal, Op, type Transaction } from "sequelize";
import {
  type LeaseStage,
  isTaggedFor,
  HIGHEST_RISK,
  penaltyFor,
  type PolicyTerms,
  type ProxyProtocol,
  type ProxySourceName,
  RISK_FORGIVEN,
  RISK_LIMIT,
  type TrafficFault,
} from "../../domain/proxies.ts";
import { secondsAfter } from "../columns.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";
import { leasePlace, Proxy, proxyPlace, ProxyLease } from "./tables.ts";

/** What an attempt asks for. Its id is made of the attempt, so that the same one, asking again, meets its lease. */
export interface LeaseOrder {
  id: string;
  /** The download: what has failed with one proxy gets another one. */
  taskId: string;
  stage: LeaseStage;
  platform: string | null;
  /** The longest it may be needed: nobody can forget it for longer. */
  seconds: number;
}

/** A proxy that was rented for one attempt; its password is sealed for `leasePlace`. */
export interface RentedTerms {
  host: string;
  port: number;
  protocol: ProxyProtocol;
  username: string | null;
  password: string | null;
}

/** Opens what was sealed for a place. */
export type Unseal = (sealed: string, place: string) => string;

/** A proxy to go through, with its credentials in clear: for memory alone. */
export interface LeasedProxy {
  protocol: ProxyProtocol;
  host: string;
  port: number;
  username?: string;
  password?: string;
}

/** How an attempt went with its proxy: `fault` is null when it went well, or when nobody has seen how it goes. */
export interface LeaseEnd {
  leaseId: string;
  fault: TrafficFault | null;
  /** Set when nothing is known of how it goes: that says nothing about the proxy. */
  isDropped?: boolean;
  /** For people; without anything that is secret. */
  reason?: string | null;
}

/** Among how many of the best one is looked for that has a place free. */
const CANDIDATES = 100;

/** Takes a proxy of the pool that this download has not tried before, if there is one. Undefined when none is free. */
export async function leaseFromPool(
  database: Database,
  order: LeaseOrder,
  strategy: PolicyTerms["manualSelectionStrategy"],
): Promise<ProxyLease | undefined> {
  return inTransaction(database, async (transaction) => {
    const candidates = await candidatesFor(order, strategy, transaction);
    const ids = candidates.map((proxy) => proxy.id);
    const bound = await ProxyLease.findAll({
      attributes: ["proxyId", "slot"],
      where: { proxyId: ids, slot: { [Op.not]: null } },
      transaction,
    });
    const taken = new Set(bound.map(({ proxyId, slot }) => `${proxyId}/${slot}`));
    for (const proxy of candidates) {
      for (let slot = 0; slot < proxy.maxConcurrent; slot++) {
        if (taken.has(`${proxy.id}/${slot}`)) continue;
        const lease = await claim(order, proxy, slot, transaction);
        if (lease) return lease;
      }
    }
    return undefined;
  });
}

async function candidatesFor(
  { taskId, platform }: LeaseOrder,
  strategy: PolicyTerms["manualSelectionStrategy"],
  transaction: Transaction,
): Promise<Proxy[]> {
  const rest: [string, "ASC" | "DESC"][] = [
    ["riskScore", "ASC"],
    ["lastUsedAt", "ASC"],
    ["priority", "DESC"],
    ["successCount", "DESC"],
    ["id", "ASC"],
  ];
  const found = await Proxy.findAll({
    where: selectable(new Date()),
    order: strategy === "priority" ? [["priority", "DESC"], ...rest] : rest,
    limit: CANDIDATES,
    transaction,
  });
  const fit = found.filter((proxy) => isTaggedFor(proxy.platformTags, platform));
  const before = await ProxyLease.findAll({
    attributes: ["proxyId"],
    where: { taskId, proxyId: { [Op.not]: null } },
    transaction,
  });
  const tried = new Set(before.map(({ proxyId }) => proxyId));
  return [...fit.filter(({ id }) => !tried.has(id)), ...fit.filter(({ id }) => tried.has(id))];
}

/** What of the pool may be used now, a free place provided. */
function selectable(now: Date) {
  return {
    gone: "",
    status: "active" as const,
    riskScore: { [Op.lt]: RISK_LIMIT },
    cooldownUntil: { [Op.or]: [{ [Op.is]: null }, { [Op.lte]: now }] },
  };
}

/** The place is ours when the row is there: another one with the same place cannot be. */
async function claim(
  order: LeaseOrder,
  { id: proxyId, host, port, protocol }: Proxy,
  slot: number,
  transaction: Transaction,
): Promise<ProxyLease | undefined> {
  const place = { source: "manual_pool" as const, proxyId, slot, host, port, protocol };
  try {
    const lease = await ProxyLease.create({ ...boundBy(order), ...place }, { transaction });
    await Proxy.update({ lastUsedAt: new Date() }, { where: { id: proxyId }, transaction });
    return lease;
  } catch (error) {
    if (isTaken(error)) return undefined;
    throw error;
  }
}

function boundBy({ id, taskId, stage, platform, seconds }: LeaseOrder) {
  const endsAt = secondsAfter(new Date(), seconds);
  return { id, taskId, stage, platform, state: "bound" as const, endsAt };
}

/** Writes down a proxy that was rented. */
export async function leaseRented(
  database: Database,
  order: LeaseOrder,
  rented: RentedTerms,
): Promise<ProxyLease> {
  return inTransaction(database, (transaction) =>
    ProxyLease.create({ ...boundBy(order), source: "dynamic_api", ...rented }, { transaction }),
  );
}

/** Writes down that an attempt got no proxy from a source, and why. Twice is written once. */
export async function noteNoLease(
  database: Database,
  { id, taskId, stage, platform }: LeaseOrder,
  { source, fault, reason }: { source: ProxySourceName; fault: TrafficFault; reason: string },
): Promise<void> {
  const nothing = { host: null, port: null, protocol: null };
  const now = new Date();
  const lease = { id, taskId, stage, platform, source, ...nothing, fault, reason };
  await inTransaction(database, async (transaction) => {
    await ProxyLease.findOrCreate({
      where: { id },
      defaults: { ...lease, state: "failed", endsAt: now, releasedAt: now },
      transaction,
    });
  });
}

/** What an attempt got that has asked before; undefined when it has not. */
export async function findLease(leaseId: string): Promise<ProxyLease | undefined> {
  return (await ProxyLease.findByPk(leaseId)) ?? undefined;
}

/** The proxy of a lease, to be gone through; undefined when the lease has ended. */
export async function openLease(leaseId: string, unseal: Unseal): Promise<LeasedProxy | undefined> {
  const lease = await findLease(leaseId);
  if (lease?.state !== "bound" || !lease.host || !lease.port || !lease.protocol) return undefined;
  const { host, port, protocol, proxyId } = lease;
  const owner = proxyId ? await Proxy.findOne({ where: { id: proxyId, gone: "" } }) : lease;
  if (!owner) return undefined;
  const sealed = owner.password;
  const place = proxyId ? proxyPlace(proxyId) : leasePlace(leaseId);
  return {
    protocol,
    host,
    port,
    ...(owner.username && { username: owner.username }),
    ...(sealed && { password: unseal(sealed, place) }),
  };
}

/** Ends a lease and judges its proxy by how it went. What has ended already changes nothing. */
export async function endLease(
  database: Database,
  { leaseId, fault, isDropped = false, reason = null }: LeaseEnd,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const state = isDropped ? "dropped" : fault ? "failed" : "released";
    const [ended] = await ProxyLease.update(
      { state, slot: null, password: null, fault, reason: cut(reason), releasedAt: new Date() },
      { where: { id: leaseId, state: "bound" }, transaction },
    );
    if (ended === 0 || isDropped) return;
    const lease = await ProxyLease.findByPk(leaseId, { transaction, rejectOnEmpty: true });
    if (lease.proxyId) await judge(lease.proxyId, fault, transaction);
  });
}

async function judge(
  proxyId: string,
  fault: TrafficFault | null,
  transaction: Transaction,
): Promise<void> {
  const penalty = fault && penaltyFor(fault);
  const where = { id: proxyId };
  if (!fault) {
    const riskScore = literal(
      `CASE WHEN risk_score > ${RISK_FORGIVEN} THEN risk_score - ${RISK_FORGIVEN} ELSE 0 END`,
    );
    const successCount = literal("success_count + 1");
    const change = { riskScore, successCount, consecutiveFailCount: 0 };
    await Proxy.update(change, { where, transaction });
  } else if (penalty) {
    const { risk, restMinutes } = penalty;
    const most = HIGHEST_RISK - risk;
    const now = new Date();
    await Proxy.update(
      {
        riskScore: literal(
          `CASE WHEN risk_score < ${most} THEN risk_score + ${risk} ELSE ${HIGHEST_RISK} END`,
        ),
        failCount: literal("fail_count + 1"),
        consecutiveFailCount: literal("consecutive_fail_count + 1"),
        cooldownUntil: secondsAfter(now, restMinutes * 60),
        lastErrorCategory: fault,
        lastFailAt: now,
      },
      { where, transaction },
    );
  }
}

/** Ends what nobody has ended in its time: whoever had it is gone. Says nothing about the proxies. Answers how many. */
export async function endOverdueLeases(database: Database, now: Date): Promise<number> {
  return inTransaction(database, async (transaction) => {
    const reason = "Nobody ended it in its time.";
    const [ended] = await ProxyLease.update(
      { state: "expired", slot: null, password: null, reason, releasedAt: now },
      { where: { state: "bound", endsAt: { [Op.lt]: now } }, transaction },
    );
    return ended;
  });
}

const FORGET_AT_ONCE = 500;

/** Removes some of what ended before `before`; answers how many. */
export async function forgetLeases(database: Database, before: Date): Promise<number> {
  return inTransaction(database, async (transaction) => {
    const ended = await ProxyLease.findAll({
      attributes: ["id"],
      where: { releasedAt: { [Op.lt]: before } },
      limit: FORGET_AT_ONCE,
      transaction,
    });
    return ProxyLease.destroy({ where: { id: ended.map(({ id }) => id) }, transaction });
  });
}

/** How many leases each of these proxies has now. */
export async function countLeases(proxyIds: readonly string[]): Promise<Map<string, number>> {
  const rows = (await ProxyLease.findAll({
    attributes: ["proxyId", [fn("COUNT", literal("*")), "leases"]],
    where: { proxyId: [...proxyIds], slot: { [Op.not]: null } },
    group: ["proxyId"],
    raw: true,
  })) as unknown as { proxyId: string; leases: number }[];
  return new Map(rows.map(({ proxyId, leases }) => [proxyId, leases]));
}

/** How many proxies of the pool may be used now, whether or not they have a place free. */
export function countSelectable(): Promise<number> {
  return Proxy.count({ where: selectable(new Date()) });
}

/** How many proxies there are in the pool, whatever their status. */
export function countPool(): Promise<number> {
  return Proxy.count({ where: { gone: "" } });
}

const REASON_CHARACTERS = 500;

function cut(text: string | null): string | null {
  return text && text.slice(0, REASON_CHARACTERS);
}
