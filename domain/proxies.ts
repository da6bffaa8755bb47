/** How a proxy is spoken to. */
export const PROXY_PROTOCOLS = ["http", "https", "socks5"] as const;
export type ProxyProtocol = (typeof PROXY_PROTOCOLS)[number];

/** What an operator says of a proxy of the pool; its place is its number in the contract. Only active ones are used. */
export const PROXY_STATUSES = ["active", "inactive", "checking"] as const;
export type ProxyStatus = (typeof PROXY_STATUSES)[number];

/** Where proxies come from: a provider's API, or the pool that operators keep. */
export const PROXY_SOURCES = ["dynamic_api", "manual_pool"] as const;
export type ProxySourceName = (typeof PROXY_SOURCES)[number];

/** Which proxy of the pool is taken first: the one that rested longest, or the one that operators like best. */
export const POOL_STRATEGIES = ["lru", "priority"] as const;
export type PoolStrategy = (typeof POOL_STRATEGIES)[number];

/** What proxies of the pool are sorted by: what the contract calls it, and what the pool does. */
export const PROXY_SORTS = {
  risk_score: "riskScore",
  priority: "priority",
  fail_count: "failCount",
  active_task_count: "activeTaskCount",
  updated_at: "updatedAt",
  last_used_at: "lastUsedAt",
} as const;
export type ProxySort = keyof typeof PROXY_SORTS;

/**
 * A proxy in the hands of one attempt. It ends well, badly, dropped before anybody has seen how it goes, or by its time
 * when nobody has ended it.
 */
export const LEASE_STATES = ["bound", "released", "failed", "dropped", "expired"] as const;
export type LeaseState = (typeof LEASE_STATES)[number];

/** Where each state of a lease may go. */
export const LEASE_MOVES: Readonly<Record<LeaseState, readonly LeaseState[]>> = {
  bound: ["released", "failed", "dropped", "expired"],
  released: [],
  failed: [],
  dropped: [],
  expired: [],
};

/** What a lease was for: what a source says of its media, or the media. */
export const LEASE_STAGES = ["parse", "download"] as const;
export type LeaseStage = (typeof LEASE_STAGES)[number];

/** What went wrong where a proxy or a cookie was used. */
export const TRAFFIC_FAULTS = [
  "network_timeout",
  "proxy_unreachable",
  "proxy_auth",
  "rate_limited",
  "bot_detected",
  "cookie_invalid",
  "terminal_video",
  "unknown",
] as const;
export type TrafficFault = (typeof TRAFFIC_FAULTS)[number];

/** From this score on a proxy is not taken. */
export const RISK_LIMIT = 80;
export const HIGHEST_RISK = 100;
/** How much a success takes from the score. */
export const RISK_FORGIVEN = 5;

/** What a fault costs the proxy that it happened with: points of its score, and how long it rests. */
export interface Penalty {
  risk: number;
  restMinutes: number;
}

/** Undefined where another proxy would have done no better. */
export function penaltyFor(fault: TrafficFault): Penalty | undefined {
  switch (fault) {
    case "network_timeout":
    case "proxy_unreachable":
      return { risk: 10, restMinutes: 10 };
    case "rate_limited":
      return { risk: 30, restMinutes: 30 };
    case "proxy_auth":
      return { risk: 40, restMinutes: 60 };
    case "bot_detected":
      return { risk: 50, restMinutes: 60 };
    case "unknown":
      return { risk: 5, restMinutes: 5 };
    case "cookie_invalid":
    case "terminal_video":
      return undefined;
  }
}

/** How long a cookie rests after a fault, in seconds; undefined when the fault says nothing against it. */
export function frozenSecondsFor(fault: TrafficFault): number | undefined {
  switch (fault) {
    case "cookie_invalid":
      return 24 * 3600;
    case "bot_detected":
      return 2 * 3600;
    case "rate_limited":
      return 3600;
    case "network_timeout":
    case "proxy_unreachable":
    case "proxy_auth":
    case "terminal_video":
    case "unknown":
      return undefined;
  }
}

/** How proxies are chosen, everywhere. */
export interface PolicyTerms {
  primarySource: ProxySourceName;
  fallbackSource: ProxySourceName | null;
  /** Whether the second source serves while the first one rests. */
  fallbackEnabled: boolean;
  /** How long the provider's API may take. */
  dynamicTimeoutMs: number;
  /** So often in a row the API may fail; the next failure lets it rest. */
  dynamicRetryCount: number;
  /** How long it rests then. */
  dynamicCircuitBreakerSeconds: number;
  /** What the API gives must live so long. */
  minLeaseTtlSeconds: number;
  manualSelectionStrategy: PoolStrategy;
}

/** The terms as long as nobody has set others. */
export const FIRST_POLICY: PolicyTerms = {
  primarySource: "dynamic_api",
  fallbackSource: "manual_pool",
  fallbackEnabled: true,
  dynamicTimeoutMs: 5000,
  dynamicRetryCount: 2,
  dynamicCircuitBreakerSeconds: 60,
  minLeaseTtlSeconds: 600,
  manualSelectionStrategy: "lru",
};

/** The sources that a policy names, the first one first. */
export function sourcesOf(policy: PolicyTerms): ProxySourceName[] {
  const { primarySource, fallbackSource, fallbackEnabled } = policy;
  const second = fallbackEnabled && fallbackSource !== primarySource ? fallbackSource : null;
  return second ? [primarySource, second] : [primarySource];
}

/** Whether a proxy with these tags, separated by commas, is for a platform; one without tags is for all. */
export function isTaggedFor(tags: string | null, platform: string | null): boolean {
  const words = (tags ?? "").split(",").map((word) => word.trim().toLowerCase());
  const named = words.filter(Boolean);
  return named.length === 0 || (platform !== null && named.includes(platform.toLowerCase()));
}

/** How a cookie stands; its place is its number in the contract. */
export const COOKIE_STATUSES = ["active", "expired", "frozen"] as const;
export type CookieStatus = (typeof COOKIE_STATUSES)[number];

/** How long a cookie is good when nobody says so, and how long it rests. */
export const COOKIE_MINUTES = 10;
export const FREEZE_SECONDS = 300;

/** True for the text of a Netscape cookie file with at least one cookie: seven fields a line, separated by tabs. */
export function isCookieFile(text: string): boolean {
  const lines = text.split(/\r?\n/).map((line) => line.replace(/^#HttpOnly_/, ""));
  const cookies = lines.filter((line) => line.trim() !== "" && !line.startsWith("#"));
  return cookies.length > 0 && cookies.every((line) => line.split("\t").length === 7);
}
