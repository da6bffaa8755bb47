import ipaddr from "ipaddr.js";

/** A host, and perhaps one port of it, that an operator has opened; as `OUTBOUND_ALLOW` names them. */
export interface OpenedHost {
  /** As `URL.hostname` spells it. */
  host: string;
  /** Every port when undefined. */
  port?: number | undefined;
}

/** An address that somebody gave us and that must not be asked. The message says why, in a sentence. */
export class OutboundRefused extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "OutboundRefused";
  }
}

/**
 * Stores and control planes that trust whoever reaches them; below 1024 only 80 and 443 are open at all.
 * X11 and databases, etcd, Docker, Kubernetes, message brokers, search and cache servers.
 */
const INTERNAL_PORTS = new Set([
  1433, 1521, 2181, 2375, 2376, 2379, 2380, 3306, 5432, 5672, 6000, 6379, 6443, 7233, 9042, 9092,
  9200, 9300, 10250, 10255, 11211, 27017,
]);

/** Every address that is anybody's on the Internet; all other IPv6 is private, local, mapped or not given out. */
const GLOBAL_IPV6 = ipaddr.IPv6.parseCIDR("2000::/3");

/** A public address that is a host's own control plane where that cloud is. */
const CLOUD_CONTROL = new Set(["168.63.129.16"]);

/** True for an IP address that belongs to one machine somewhere on the Internet. */
export function isPublicAddress(text: string): boolean {
  const address = ipaddr.process(text);
  if (address.range() !== "unicast") return false;
  if (address instanceof ipaddr.IPv6) return address.match(GLOBAL_IPV6);
  return !CLOUD_CONTROL.has(address.toString());
}

/** `host[:port]` as an opened host; undefined when it is none. */
export function readOpenedHost(text: string): OpenedHost | undefined {
  const [, name, port] = /^(\[[^\]]+\]|[^:/@[\]\s]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (!name || !URL.canParse(`http://${name}`)) return undefined;
  return { host: new URL(`http://${name}`).hostname, port: port ? Number(port) : undefined };
}

/** True when an operator has opened this address: then only its form is judged, not where it leads. */
export function isOpened(
  { hostname, port, protocol }: URL,
  opened: readonly OpenedHost[],
): boolean {
  const asked = Number(port || (protocol === "https:" ? 443 : 80));
  return opened.some((one) => one.host === hostname && (one.port ?? asked) === asked);
}

/**
 * The address as it will be asked. Refuses every form but http and https without a user, and, where nobody opened it,
 * closed ports and IP literals that are not public. Names are judged when they are resolved.
 */
export function readTarget(text: string, opened: readonly OpenedHost[]): URL {
  if (!URL.canParse(text)) throw new OutboundRefused("This is not an address.");
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new OutboundRefused("The address must begin with https:// or http://.");
  }
  if (url.username || url.password) {
    throw new OutboundRefused("The address must not contain a user name or password.");
  }
  if (isOpened(url, opened)) return url;
  if (url.port && !isOpenPort(Number(url.port))) {
    throw new OutboundRefused(`Port ${url.port} is not open to addresses that users give.`);
  }
  // URL has brought every spelling of an IPv4 address, as 0x7f.1 or 2130706433, to the usual one.
  const literal = url.hostname.replace(/^\[|\]$/g, "");
  if (ipaddr.isValid(literal) && !isPublicAddress(literal)) throw notPublic();
  return url;
}

/** Why an address that users give is not asked, by its form; undefined when it may be, as far as that shows. */
export function addressFault(text: string, opened: readonly OpenedHost[]): string | undefined {
  try {
    readTarget(text, opened);
    return undefined;
  } catch (error) {
    if (!(error instanceof OutboundRefused)) throw error;
    return error.message;
  }
}

/** The refusal of what leads into a private network. */
export function notPublic(): OutboundRefused {
  return new OutboundRefused("The address does not lead to a public host. See OUTBOUND_ALLOW.");
}

function isOpenPort(port: number): boolean {
  return port === 80 || port === 443 || (port >= 1024 && !INTERNAL_PORTS.has(port));
}
