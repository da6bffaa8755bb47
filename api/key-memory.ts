import type { Actor } from "../domain/accounts.ts";
import { sha256 } from "../platform/crypto.ts";
import type { Bus } from "../platform/bus.ts";
import type { Authenticate } from "./middleware/sign-in.ts";

/** How long a good key is believed without looking: wherever it is ended, it is dead here after that. */
const BELIEVED_MS = 500;
const MOST_KEYS = 10_000;

/**
 * Remembers for half a second whom an API key speaks for: programs ask often, and a key changes once in its life. It
 * forgets at once what it is told about; tokens of people are looked up each time.
 */
export function rememberKeys(authenticate: Authenticate, bus: Bus): Authenticate {
  const remembered = new Map<string, { actor: Actor; until: number }>();
  bus.subscribe(({ type }) => {
    if (type === "accounts.keys-changed" || type === "accounts.rights-changed") remembered.clear();
  });
  return async (credentials, address) => {
    const { bearer, apiKey } = credentials;
    if (bearer || !apiKey) return authenticate(credentials, address);
    const name = sha256(apiKey);
    const known = remembered.get(name);
    if (known && known.until > performance.now()) return known.actor;
    remembered.delete(name);
    // From before we asked: what is ended meanwhile is not believed for longer than what is ended later.
    const until = performance.now() + BELIEVED_MS;
    const actor = await authenticate(credentials, address);
    if (remembered.size >= MOST_KEYS) remembered.clear();
    remembered.set(name, { actor, until });
    return actor;
  };
}
