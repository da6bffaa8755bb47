import type { TrafficFault } from "../proxies.ts";
import type { Failure } from "./failures.ts";

/** What a failed try says of the proxy and the cookie that it went with; null when it says nothing of them. */
export function trafficFault({ code, kind }: Pick<Failure, "code" | "kind">): TrafficFault | null {
  if (code === "downloads/disk-full") return null;
  if (code === "downloads/proxy-refused") return "proxy_auth";
  if (code === "downloads/proxy-away") return "proxy_unreachable";
  // Whatever is done about it: another cookie may do.
  if (code === "downloads/needs-cookie") return "cookie_invalid";
  // Nobody is to blame but the media.
  if (code === "downloads/age-restricted") return "terminal_video";
  switch (kind) {
    case "rate-limited":
      return "rate_limited";
    case "blocked":
      return "bot_detected";
    case "needs-cookie":
      return "cookie_invalid";
    case "terminal":
      return "terminal_video";
    case "proxy":
      return "proxy_unreachable";
    case "retryable":
      return code === "downloads/source-away" ? "network_timeout" : "unknown";
  }
}
