import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from "sequelize";
import {
  LEASE_STAGES,
  LEASE_STATES,
  type LeaseStage,
  type LeaseState,
  type PolicyTerms,
  PROXY_PROTOCOLS,
  PROXY_SOURCES,
  PROXY_STATUSES,
  type ProxyProtocol,
  type ProxySourceName,
  type ProxyStatus,
  TRAFFIC_FAULTS,
  type TrafficFault,
} from "../../domain/proxies.ts";
import { count, id, json, longText, moment, serial, state, text, times } from "../columns.ts";

/** A proxy of the pool that operators keep, and how it has done. */
export class Proxy extends Model<InferAttributes<Proxy>, InferCreationAttributes<Proxy>> {
  declare id: string;
  /** What the contract knows it by. */
  declare serial: number;
  declare host: string;
  declare port: number;
  /** Empty while it is in the pool, then its id: a place may be taken again. */
  declare gone: CreationOptional<string>;
  declare protocol: ProxyProtocol;
  declare username: string | null;
  /** Sealed for `proxyPlace`. */
  declare password: string | null;
  declare region: string | null;
  declare priority: number;
  declare platformTags: string | null;
  declare remark: string | null;
  declare status: ProxyStatus;
  /** How many leases of it there may be at a time. */
  declare maxConcurrent: number;
  declare successCount: CreationOptional<number>;
  declare failCount: CreationOptional<number>;
  declare consecutiveFailCount: CreationOptional<number>;
  declare riskScore: CreationOptional<number>;
  declare lastUsedAt: CreationOptional<Date | null>;
  declare cooldownUntil: CreationOptional<Date | null>;
  declare lastErrorCategory: CreationOptional<TrafficFault | null>;
  declare lastFailAt: CreationOptional<Date | null>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/**
 * A proxy in the hands of one attempt, or what an attempt got instead of one. When it has ended it is the record of how
 * the proxy was used.
 */
export class ProxyLease extends Model<
  InferAttributes<ProxyLease>,
  InferCreationAttributes<ProxyLease>
> {
  declare id: string;
  declare taskId: string;
  declare source: ProxySourceName;
  declare stage: LeaseStage;
  declare platform: string | null;
  declare state: LeaseState;
  /** Of the pool, if it is from there. */
  declare proxyId: CreationOptional<string | null>;
  /** Which of the proxy's places it has while it is bound: two never have the same. */
  declare slot: CreationOptional<number | null>;
  /** Null when there was no proxy to be had. */
  declare host: string | null;
  declare port: number | null;
  declare protocol: ProxyProtocol | null;
  declare username: CreationOptional<string | null>;
  /** Of a rented proxy, sealed for `leasePlace`, while it is bound. */
  declare password: CreationOptional<string | null>;
  /** By then it is over, whoever has forgotten to end it. */
  declare endsAt: Date;
  declare fault: CreationOptional<TrafficFault | null>;
  declare reason: CreationOptional<string | null>;
  declare releasedAt: CreationOptional<Date | null>;
  declare createdAt: CreationOptional<Date>;
}

/** How proxies are chosen, and how the provider's API stands. There is one, for everything. */
export class ProxyPolicy extends Model<
  InferAttributes<ProxyPolicy>,
  InferCreationAttributes<ProxyPolicy>
> {
  declare scope: string;
  declare terms: PolicyTerms;
  /** So often in a row the API has failed. */
  declare failures: CreationOptional<number>;
  /** Until then it is not asked. */
  declare restsUntil: CreationOptional<Date | null>;
  declare checkedAt: CreationOptional<Date | null>;
  /** What it said last when that was no proxy. */
  declare complaint: CreationOptional<string | null>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** A sign-in at a platform that downloads may use, as a cookie file. */
export class Cookie extends Model<InferAttributes<Cookie>, InferCreationAttributes<Cookie>> {
  declare id: string;
  /** What the contract knows it by. */
  declare serial: number;
  declare platform: string;
  declare name: string;
  /** Sealed for `cookiePlace`. */
  declare content: string;
  declare expireAt: Date | null;
  declare frozenUntil: CreationOptional<Date | null>;
  /** For how long it was frozen last. */
  declare freezeSeconds: CreationOptional<number>;
  declare lastUsedAt: CreationOptional<Date | null>;
  declare useCount: CreationOptional<number>;
  declare successCount: CreationOptional<number>;
  declare failCount: CreationOptional<number>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** Where the password of a proxy of the pool belongs, for sealing. */
export function proxyPlace(proxyId: string): string {
  return `proxies.password/${proxyId}`;
}

/** Where the password of a rented proxy belongs, for sealing. */
export function leasePlace(leaseId: string): string {
  return `proxy_leases.password/${leaseId}`;
}

/** Where the content of a cookie belongs, for sealing. */
export function cookiePlace(cookieId: string): string {
  return `cookies.content/${cookieId}`;
}

const tally = () => count({ defaultValue: 0 });

/** Binds this domain's tables. */
export function defineProxies(sequelize: Sequelize): void {
  Proxy.init(
    {
      id: id({ primaryKey: true }),
      serial: serial(),
      host: text(255),
      port: count(),
      gone: text(36, { defaultValue: "" }),
      protocol: state(PROXY_PROTOCOLS),
      username: text(100, { allowNull: true }),
      password: text(1000, { allowNull: true }),
      region: text(50, { allowNull: true }),
      priority: count(),
      platformTags: text(255, { allowNull: true }),
      remark: text(255, { allowNull: true }),
      status: state(PROXY_STATUSES),
      maxConcurrent: count(),
      successCount: tally(),
      failCount: tally(),
      consecutiveFailCount: tally(),
      riskScore: tally(),
      lastUsedAt: moment({ allowNull: true }),
      cooldownUntil: moment({ allowNull: true }),
      lastErrorCategory: state(TRAFFIC_FAULTS, { allowNull: true }),
      lastFailAt: moment({ allowNull: true }),
      ...times(),
    },
    { sequelize, tableName: "proxies" },
  );
  ProxyLease.init(
    {
      id: id({ primaryKey: true }),
      taskId: text(64),
      source: state(PROXY_SOURCES),
      stage: state(LEASE_STAGES),
      platform: text(50, { allowNull: true }),
      state: state(LEASE_STATES),
      proxyId: id({ allowNull: true }),
      slot: count({ allowNull: true }),
      host: text(255, { allowNull: true }),
      port: count({ allowNull: true }),
      protocol: state(PROXY_PROTOCOLS, { allowNull: true }),
      username: text(100, { allowNull: true }),
      password: text(1000, { allowNull: true }),
      endsAt: moment(),
      fault: state(TRAFFIC_FAULTS, { allowNull: true }),
      reason: text(500, { allowNull: true }),
      releasedAt: moment({ allowNull: true }),
      createdAt: moment(),
    },
    { sequelize, updatedAt: false, tableName: "proxy_leases" },
  );
  ProxyPolicy.init(
    {
      scope: text(20, { primaryKey: true }),
      terms: json(),
      failures: tally(),
      restsUntil: moment({ allowNull: true }),
      checkedAt: moment({ allowNull: true }),
      complaint: text(500, { allowNull: true }),
      ...times(),
    },
    { sequelize, tableName: "proxy_policies" },
  );
  Cookie.init(
    {
      id: id({ primaryKey: true }),
      serial: serial(),
      platform: text(50),
      name: text(100),
      content: longText(),
      expireAt: moment({ allowNull: true }),
      frozenUntil: moment({ allowNull: true }),
      freezeSeconds: tally(),
      lastUsedAt: moment({ allowNull: true }),
      useCount: tally(),
      successCount: tally(),
      failCount: tally(),
      ...times(),
    },
    { sequelize, tableName: "cookies" },
  );
}
