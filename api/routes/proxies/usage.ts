import { sourcesOf } from "../../../domain/proxies.ts";
import {
  countPool,
  countSelectable,
  GLOBAL_POLICY,
  listUsage,
  readPolicy,
  setPolicy,
} from "../../../models/proxies/index.ts";
import { route } from "../../route.ts";
import {
  Changed,
  NumberedId,
  PolicyBody,
  PolicyOut,
  policyTermsOf,
  presentPolicy,
  presentSummary,
  presentUse,
  SourceStatusOut,
  UsageOut,
  UsageQuery,
} from "../../schemas/proxies/proxies.ts";

export const readProxySource = route({
  method: "get",
  path: "/api/v1/admin/proxies/source/status",
  summary: "Which way downloads go now, and whether they find a proxy",
  access: "proxies:read",
  returns: [200, SourceStatusOut],
  async handle({ services }) {
    const isConfigured = services.env.PROXY_API_URL !== undefined;
    const [policy, pool, available] = [
      await readPolicy(),
      await countPool(),
      await countSelectable(),
    ];
    const rests = (policy.restsUntil?.getTime() ?? 0) > Date.now();
    const there = sourcesOf(policy.terms).filter((one) =>
      one === "dynamic_api" ? isConfigured : pool > 0,
    );
    const works = { dynamic_api: !rests && !policy.complaint, manual_pool: available > 0 };
    const isDirect = !isConfigured && pool === 0;
    const source = there.find((one) => works[one]) ?? there[0] ?? sourcesOf(policy.terms)[0]!;
    const healthy = isDirect || (there.includes(source) && works[source]);
    const complaints = {
      dynamic_api: policy.complaint ?? "The proxy API is not configured.",
      manual_pool: "No proxy of the pool may be used now.",
    };
    return {
      healthy,
      mode: isDirect ? ("direct" as const) : source,
      message: healthy ? "Downloads find their way." : complaints[source],
      dynamic_configured: isConfigured,
      available_manual_proxy_count: available,
      checked_at: policy.checkedAt?.toISOString() ?? null,
      rests_until: rests ? policy.restsUntil!.toISOString() : null,
    };
  },
});

export const readProxyPolicy = route({
  method: "get",
  path: "/api/v1/admin/proxy-policies/current",
  summary: "How proxies are chosen",
  access: "proxies:read",
  returns: [200, PolicyOut],
  handle: async () => presentPolicy(await readPolicy(), GLOBAL_POLICY),
});

export const setProxyPolicy = route({
  method: "put",
  path: "/api/v1/admin/proxy-policies/:id",
  summary: "Say how proxies are chosen from now on",
  access: "proxies:administer",
  params: NumberedId,
  body: PolicyBody,
  returns: [200, Changed],
  async handle(call) {
    await setPolicy(call.services.database, call.params.id, policyTermsOf(call.body), call);
    return { success: true as const };
  },
});

export const listProxyUsage = route({
  method: "get",
  path: "/api/v1/admin/proxy-usage-events",
  summary: "How proxies were used and what went wrong, within the last day unless said otherwise",
  access: "proxies:read",
  query: UsageQuery,
  returns: [200, UsageOut],
  async handle({ query }) {
    const { page, page_size, success } = query;
    const { total, uses, summary } = await listUsage({
      from: query.from,
      to: query.to,
      taskId: query.task_id,
      proxySerial: query.proxy_id,
      leaseId: query.proxy_lease_id,
      source: query.source_type,
      stage: query.stage,
      platform: query.platform,
      wentWell: success === "all" ? undefined : success === "success",
      fault: query.error_category,
      sortOrder: query.sort_order,
      page,
      pageSize: page_size,
    });
    return {
      events: uses.map(presentUse),
      pagination: { page, page_size, total },
      summary: presentSummary(summary),
    };
  },
});
