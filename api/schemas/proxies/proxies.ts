import { z } from "zod";
import { LIMITS } from "../../../domain/limits.ts";
import {
  LEASE_STAGES,
  POOL_STRATEGIES,
  type PolicyTerms,
  PROXY_PROTOCOLS,
  PROXY_SORTS,
  PROXY_SOURCES,
  PROXY_STATUSES,
  type ProxySort,
  type ProxySourceName,
  TRAFFIC_FAULTS,
} from "../../../domain/proxies.ts";
import type {
  Proxy,
  ProxyPolicy,
  ProxyUse,
  Tally,
  UsageSummary,
} from "../../../models/proxies/index.ts";

const Moment = z.iso.datetime({ offset: true });
const wire = (moment: Date | null | undefined) => moment?.toISOString() ?? null;

/** Empty is the same as not said. */
const words = (most: number) =>
  z
    .string()
    .trim()
    .max(most)
    .nullish()
    .transform((text) => text || null);

/** The contract's pages: what is too small is as if not asked for, what is too large is the largest. */
export const pageNumber = z.coerce
  .number()
  .int()
  .default(1)
  .transform((asked) => (asked < 1 ? 1 : Math.min(asked, LIMITS.proxyPages)));
/** How much of a list is one page. */
export const pageSize = z.coerce
  .number()
  .int()
  .default(20)
  .transform((asked) => (asked < 1 ? 20 : Math.min(asked, LIMITS.listItems)));
const sortOrder = z.enum(["asc", "desc"]).default("desc");

/** The number that the contract knows a thing by. */
export const NumberedId = z.strictObject({ id: z.coerce.number().int().min(1) });

const Host = z
  .string()
  .trim()
  .toLowerCase()
  .regex(
    /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$|^[0-9a-f:.]*:[0-9a-f:.]*$/,
    "must be a host or an IP address",
  )
  .max(255);

const TERMS = {
  host: Host,
  port: z.int().min(1).max(65_535),
  protocol: z.enum(PROXY_PROTOCOLS).default("http"),
  username: words(100),
  /** Never shown to anybody. */
  password: words(100),
  region: words(50),
  priority: z.int().min(-1_000_000).max(1_000_000).default(0),
  /** Words separated by commas; for all platforms when empty. */
  platform_tags: words(255),
  remark: words(255),
  max_concurrent: z.int().min(1).max(LIMITS.proxyPlaces).default(1),
};
/** The place of a status in the contract. */
const StatusNumber = z
  .int()
  .min(0)
  .max(PROXY_STATUSES.length - 1);

export const NewProxy = z.strictObject({ ...TERMS, status: StatusNumber.default(0) });
/** An empty password keeps the one there is. */
export const ProxyChange = z.strictObject(TERMS);
export const StatusChange = z.strictObject({ status: StatusNumber });

/** What a body says of a proxy, but for its password and status. */
export function proxyTermsOf(body: z.output<typeof ProxyChange>) {
  const { host, port, protocol, username, region, priority, remark } = body;
  const rest = { platformTags: body.platform_tags, maxConcurrent: body.max_concurrent };
  return { host, port, protocol, username, region, priority, remark, ...rest };
}

export const ProxiesQuery = z.strictObject({
  search: z.string().trim().max(100).optional(),
  protocol: z.enum(PROXY_PROTOCOLS).optional(),
  region: z.string().max(50).optional(),
  status: z.coerce.number().pipe(StatusNumber).optional(),
  page: pageNumber,
  page_size: pageSize,
  sort_by: z.enum(Object.keys(PROXY_SORTS) as ProxySort[]).default("updated_at"),
  sort_order: sortOrder,
});

export const Changed = z.strictObject({ success: z.literal(true) });
export const Numbered = z.strictObject({ id: z.int() });

const Pagination = z.strictObject({ page: z.int(), page_size: z.int(), total: z.int() });

const ProxyOut = z.strictObject({
  id: z.int(),
  host: z.string(),
  port: z.int(),
  protocol: z.enum(PROXY_PROTOCOLS),
  username: z.string().nullable(),
  region: z.string().nullable(),
  priority: z.int(),
  platform_tags: z.string().nullable(),
  remark: z.string().nullable(),
  status: StatusNumber,
  last_used_at: Moment.nullable(),
  success_count: z.int(),
  fail_count: z.int(),
  created_at: Moment,
  updated_at: Moment,
  cooldown_until: Moment.nullable(),
  consecutive_fail_count: z.int(),
  risk_score: z.int(),
  last_error_category: z.enum(TRAFFIC_FAULTS).nullable(),
  last_fail_at: Moment.nullable(),
  max_concurrent: z.int(),
  active_task_count: z.int(),
});
export const ProxiesOut = z.strictObject({ items: z.array(ProxyOut), pagination: Pagination });

export function presentProxy(row: Proxy, leases: number): z.input<typeof ProxyOut> {
  return {
    id: row.serial,
    host: row.host,
    port: row.port,
    protocol: row.protocol,
    username: row.username,
    region: row.region,
    priority: row.priority,
    platform_tags: row.platformTags,
    remark: row.remark,
    status: PROXY_STATUSES.indexOf(row.status),
    last_used_at: wire(row.lastUsedAt),
    success_count: row.successCount,
    fail_count: row.failCount,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
    cooldown_until: wire(row.cooldownUntil),
    consecutive_fail_count: row.consecutiveFailCount,
    risk_score: row.riskScore,
    last_error_category: row.lastErrorCategory ?? null,
    last_fail_at: wire(row.lastFailAt),
    max_concurrent: row.maxConcurrent,
    active_task_count: leases,
  };
}

export const SourceStatusOut = z.strictObject({
  healthy: z.boolean(),
  /** Which way downloads go now. */
  mode: z.enum([...PROXY_SOURCES, "direct"]),
  message: z.string(),
  dynamic_configured: z.boolean(),
  available_manual_proxy_count: z.int(),
  /** When the provider was asked last. */
  checked_at: Moment.nullable(),
  rests_until: Moment.nullable(),
});

const POLICY = {
  primary_source: z.enum(PROXY_SOURCES),
  fallback_source: z.enum(PROXY_SOURCES).nullish(),
  fallback_enabled: z.boolean(),
  dynamic_timeout_ms: z.int().min(100).max(5000),
  dynamic_retry_count: z.int().min(0).max(100),
  dynamic_circuit_breaker_sec: z.int().min(0).max(86_400),
  min_lease_ttl_sec: z.int().min(0).max(86_400),
  manual_selection_strategy: z.enum(POOL_STRATEGIES),
};
export const PolicyBody = z.strictObject(POLICY);
export const PolicyOut = z.strictObject({
  ...POLICY,
  id: z.int(),
  scope_type: z.literal("global"),
  fallback_source: z.enum(PROXY_SOURCES).nullable(),
});

export function presentPolicy({ terms }: ProxyPolicy, id: number): z.input<typeof PolicyOut> {
  return {
    id,
    scope_type: "global",
    primary_source: terms.primarySource,
    fallback_source: terms.fallbackSource,
    fallback_enabled: terms.fallbackEnabled,
    dynamic_timeout_ms: terms.dynamicTimeoutMs,
    dynamic_retry_count: terms.dynamicRetryCount,
    dynamic_circuit_breaker_sec: terms.dynamicCircuitBreakerSeconds,
    min_lease_ttl_sec: terms.minLeaseTtlSeconds,
    manual_selection_strategy: terms.manualSelectionStrategy,
  };
}

/** What a body says of the policy. */
export function policyTermsOf(body: z.output<typeof PolicyBody>): PolicyTerms {
  return {
    primarySource: body.primary_source,
    fallbackSource: body.fallback_source ?? null,
    fallbackEnabled: body.fallback_enabled,
    dynamicTimeoutMs: body.dynamic_timeout_ms,
    dynamicRetryCount: body.dynamic_retry_count,
    dynamicCircuitBreakerSeconds: body.dynamic_circuit_breaker_sec,
    minLeaseTtlSeconds: body.min_lease_ttl_sec,
    manualSelectionStrategy: body.manual_selection_strategy,
  };
}

const SHORT_NAMES: Readonly<Record<ProxySourceName, "dynamic" | "manual">> = {
  dynamic_api: "dynamic",
  manual_pool: "manual",
};
const asDate = Moment.transform((text) => new Date(text));
const DAY_MS = 86_400_000;

export const UsageQuery = z
  .strictObject({
    task_id: z.string().max(64).optional(),
    proxy_id: z.coerce.number().int().min(1).optional(),
    proxy_lease_id: z.uuid().optional(),
    source_type: z
      .enum(["manual", "dynamic", ...PROXY_SOURCES])
      .transform((name) =>
        name === "manual" ? "manual_pool" : name === "dynamic" ? "dynamic_api" : name,
      )
      .optional(),
    stage: z.enum(LEASE_STAGES).optional(),
    platform: z.string().max(50).optional(),
    success: z.enum(["all", "success", "failed"]).default("all"),
    error_category: z.enum(TRAFFIC_FAULTS).optional(),
    start_time: asDate.optional(),
    end_time: asDate.optional(),
    page: pageNumber,
    page_size: pageSize,
    sort_order: sortOrder,
  })
  .transform((query, context) => {
    const to = query.end_time ?? new Date();
    const from = query.start_time ?? new Date(to.getTime() - DAY_MS);
    const spanMs = to.getTime() - from.getTime();
    const complain = (message: string) =>
      context.addIssue({ code: "custom", path: ["start_time"], message });
    if (spanMs <= 0) complain("start_time must be before end_time");
    if (spanMs > LIMITS.proxyUsageSpanDays * DAY_MS) {
      complain(`time range must not exceed ${LIMITS.proxyUsageSpanDays} days`);
    }
    return { ...query, from, to };
  });

const TallyOut = z.array(z.strictObject({ key: z.string(), count: z.int() }));
const UsageEvent = z.strictObject({
  id: z.uuid(),
  task_id: z.string(),
  proxy_id: z.int().nullable(),
  proxy_lease_id: z.uuid(),
  source_type: z.enum(["manual", "dynamic"]),
  stage: z.enum(LEASE_STAGES),
  platform: z.string().nullable(),
  success: z.boolean(),
  error_category: z.enum(TRAFFIC_FAULTS).nullable(),
  error_message: z.string().nullable(),
  created_at: Moment,
  proxy_host: z.string().nullable(),
  proxy_port: z.int().nullable(),
  proxy_protocol: z.enum(PROXY_PROTOCOLS).nullable(),
  proxy_region: z.string().nullable(),
  proxy_risk_score: z.int(),
  proxy_cooldown_until: Moment.nullable(),
  proxy_active_task_count: z.int(),
  proxy_max_concurrent: z.int(),
});
export const UsageOut = z.strictObject({
  events: z.array(UsageEvent),
  pagination: Pagination,
  summary: z.strictObject({
    success_count: z.int(),
    failure_count: z.int(),
    failure_rate: z.number(),
    category_counts: TallyOut,
    stage_counts: TallyOut,
    platform_counts: TallyOut,
  }),
});

export function presentUse({ lease, proxy, leases }: ProxyUse): z.input<typeof UsageEvent> {
  return {
    id: lease.id,
    task_id: lease.taskId,
    proxy_id: proxy?.serial ?? null,
    proxy_lease_id: lease.id,
    source_type: SHORT_NAMES[lease.source],
    stage: lease.stage,
    platform: lease.platform,
    success: lease.state === "released",
    error_category: lease.fault ?? null,
    error_message: lease.reason ?? null,
    created_at: (lease.releasedAt ?? lease.createdAt).toISOString(),
    proxy_host: lease.host,
    proxy_port: lease.port,
    proxy_protocol: lease.protocol,
    proxy_region: proxy?.region ?? null,
    proxy_risk_score: proxy?.riskScore ?? 0,
    proxy_cooldown_until: wire(proxy?.cooldownUntil),
    proxy_active_task_count: leases,
    proxy_max_concurrent: proxy?.maxConcurrent ?? 0,
  };
}

export function presentSummary(summary: UsageSummary): z.input<typeof UsageOut>["summary"] {
  const { wellCount, faultCount, faults, stages, platforms } = summary;
  const all = wellCount + faultCount;
  const plain = (tallies: Tally[]) => tallies.map(({ key, count }) => ({ key, count }));
  return {
    success_count: wellCount,
    failure_count: faultCount,
    failure_rate: all === 0 ? 0 : faultCount / all,
    category_counts: plain(faults),
    stage_counts: plain(stages),
    platform_counts: plain(platforms),
  };
}
