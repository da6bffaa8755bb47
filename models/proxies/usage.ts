import { fn, literal, Op, type WhereOptions } from "sequelize";
import {
  type LeaseStage,
  PROXY_SORTS,
  type ProxySort,
  type ProxySourceName,
  type ProxyStatus,
  type TrafficFault,
} from "../../domain/proxies.ts";
import { countLeases } from "./leases.ts";
import { Proxy, ProxyLease } from "./tables.ts";

/** A part of a list whose parts are counted, from 1 on. */
export interface NumberedPage {
  page: number;
  pageSize: number;
}

/** Which proxies of the pool, in which order. */
export interface PoolQuestion extends NumberedPage {
  search?: string | undefined;
  protocol?: Proxy["protocol"] | undefined;
  region?: string | undefined;
  status?: ProxyStatus | undefined;
  sortBy: ProxySort;
  sortOrder: "asc" | "desc";
}

/** How many leases a proxy has, for sorting. */
const LEASES = literal(
  "(SELECT COUNT(*) FROM proxy_leases WHERE proxy_leases.proxy_id = Proxy.id AND proxy_leases.slot IS NOT NULL)",
);

/** The pool, or part of it, with how many leases each proxy has now. */
export async function listProxies({ page, pageSize, ...question }: PoolQuestion): Promise<{
  total: number;
  items: { proxy: Proxy; leases: number }[];
}> {
  const { search, protocol, region, status, sortBy, sortOrder } = question;
  const like = { [Op.like]: `%${(search ?? "").replace(/[\\%_]/g, "\\$&")}%` };
  const where: WhereOptions<Proxy> = {
    gone: "",
    ...(protocol && { protocol }),
    ...(region && { region }),
    ...(status && { status }),
    ...(search && { [Op.or]: [{ host: like }, { region: like }, { remark: like }] }),
  };
  const by = sortBy === "active_task_count" ? LEASES : PROXY_SORTS[sortBy];
  const { count: total, rows } = await Proxy.findAndCountAll({
    where,
    order: [
      [by, sortOrder.toUpperCase()],
      ["serial", "ASC"],
    ],
    limit: pageSize,
    offset: (page - 1) * pageSize,
  });
  const leases = await countLeases(rows.map(({ id }) => id));
  return {
    total,
    items: rows.map((proxy) => ({ proxy, leases: leases.get(proxy.id) ?? 0 })),
  };
}

/** Which uses of proxies that somebody has seen the end of, of which stretch of time. */
export interface UsageQuestion extends NumberedPage {
  from: Date;
  to: Date;
  taskId?: string | undefined;
  /** The number of a proxy of the pool. */
  proxySerial?: number | undefined;
  leaseId?: string | undefined;
  source?: ProxySourceName | undefined;
  stage?: LeaseStage | undefined;
  platform?: string | undefined;
  wentWell?: boolean | undefined;
  fault?: TrafficFault | undefined;
  sortOrder: "asc" | "desc";
}

/** A use of a proxy, and the proxy if it is of the pool and still there. */
export interface ProxyUse {
  lease: ProxyLease;
  proxy: Proxy | undefined;
  leases: number;
}

/** How often something was so. */
export interface Tally {
  key: string;
  count: number;
}

/** What all uses of a question come to. */
export interface UsageSummary {
  wellCount: number;
  faultCount: number;
  faults: Tally[];
  stages: Tally[];
  platforms: Tally[];
}

/** How proxies were used, and what it comes to. */
export async function listUsage({ page, pageSize, ...question }: UsageQuestion): Promise<{
  total: number;
  uses: ProxyUse[];
  summary: UsageSummary;
}> {
  const where = await usesOf(question);
  const order = question.sortOrder === "asc" ? "ASC" : "DESC";
  const { count: total, rows } = await ProxyLease.findAndCountAll({
    where,
    order: [
      ["releasedAt", order],
      ["id", order],
    ],
    limit: pageSize,
    offset: (page - 1) * pageSize,
  });
  const ids = [...new Set(rows.map(({ proxyId }) => proxyId).filter((id) => id !== null))];
  const proxies = new Map(
    (await Proxy.findAll({ where: { id: ids } })).map((one) => [one.id, one]),
  );
  const leases = await countLeases(ids);
  const uses = rows.map((lease) => ({
    lease,
    proxy: proxies.get(lease.proxyId ?? ""),
    leases: leases.get(lease.proxyId ?? "") ?? 0,
  }));
  return { total, uses, summary: await summarise(where, total) };
}

async function usesOf(question: Omit<UsageQuestion, keyof NumberedPage>): Promise<WhereOptions> {
  const { from, to, taskId, proxySerial, leaseId, source, stage, platform } = question;
  const { wentWell, fault } = question;
  const proxy =
    proxySerial === undefined
      ? undefined
      : await Proxy.findOne({ attributes: ["id"], where: { serial: proxySerial } });
  return {
    releasedAt: { [Op.gte]: from, [Op.lt]: to },
    ...(taskId && { taskId }),
    ...(leaseId && { id: leaseId }),
    ...(proxySerial !== undefined && { proxyId: proxy?.id ?? "" }),
    ...(source && { source }),
    ...(stage && { stage }),
    ...(platform && { platform }),
    state: statesOf(wentWell),
    ...(fault && { fault }),
  };
}

function statesOf(wentWell: boolean | undefined) {
  if (wentWell === undefined) return { [Op.ne]: "dropped" };
  return wentWell ? "released" : { [Op.in]: ["failed", "expired"] };
}

async function summarise(where: WhereOptions, total: number): Promise<UsageSummary> {
  const tallyBy = async (column: string) => {
    const rows = (await ProxyLease.findAll({
      attributes: [
        [column, "key"],
        [fn("COUNT", literal("*")), "count"],
      ],
      where: { [Op.and]: [where, { [column]: { [Op.not]: null } }] },
      group: [column],
      raw: true,
    })) as unknown as Tally[];
    return rows.sort((one, other) => other.count - one.count);
  };
  const states = await tallyBy("state");
  const wellCount = states.find(({ key }) => key === "released")?.count ?? 0;
  const [faults, stages] = [await tallyBy("fault"), await tallyBy("stage")];
  const platforms = await tallyBy("platform");
  return { wellCount, faultCount: total - wellCount, faults, stages, platforms };
}
