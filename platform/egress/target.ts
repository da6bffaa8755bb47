import { lookup } from "node:dns/promises";
import {
  isOpened,
  isPublicAddress,
  notPublic,
  type OpenedHost,
  readTarget,
} from "../outbound-rules.ts";
import type { Resolve } from "../outbound.ts";

/** A host that may be asked, and the addresses that were judged: a connection goes to one of these and to no other. */
export interface Target {
  host: string;
  port: number;
  addresses: readonly { address: string; family: number }[];
}

/** A name that nobody can resolve. The message says which, in a sentence. */
export class Unresolved extends Error {
  constructor(host: string) {
    super(`${host} has no address.`);
    this.name = "Unresolved";
  }
}

/** Every address of a name, as the machine finds it. */
export const resolveByMachine: Resolve = (hostname) => lookup(hostname, { all: true });

/**
 * Judges where a request wants to go: `text` is an address. The name is resolved once, here. A name with one address
 * that is not public is refused, whatever its others are: which one would be taken is nobody's to choose. Throws
 * `OutboundRefused`, or `Unresolved`.
 */
export async function judgeTarget(
  text: string,
  opened: readonly OpenedHost[],
  resolve: Resolve,
): Promise<Target> {
  const url = readTarget(text, opened);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const addresses = await resolve(host).catch(() => {
    throw new Unresolved(host);
  });
  if (addresses.length === 0) throw new Unresolved(host);
  const mayBePrivate = isOpened(url, opened);
  if (!mayBePrivate && !addresses.every(({ address }) => isPublicAddress(address))) {
    throw notPublic();
  }
  return { host, port: Number(url.port || (url.protocol === "https:" ? 443 : 80)), addresses };
}
