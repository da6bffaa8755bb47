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
  const remembered = new Map<string, Remembered>();
  bus.subscribe(({ type }) => {
    if (type === "accounts.keys-changed" || type === "accounts.rights-changed") remembered.clear();
  });
  return (credentials, address) => {
    const { bearer, apiKey } = credentials;
    if (bearer || !apiKey) return authenticate(credentials, address);
    const name = sha256(apiKey);
    const known = remembered.get(name);
    if (known && known.until > performance.now()) return known.actor ?? known.asked;
    if (remembered.size >= MOST_KEYS) remembered.clear();
    const asked = Promise.resolve(authenticate(credentials, address));
    // From when we asked: what is ended meanwhile is not believed for longer than what is ended later.
    const asking: Remembered = { asked, until: performance.now() + BELIEVED_MS };
    remembered.set(name, asking);
    asked.then(
      (actor) => (asking.actor = actor),
      () => remembered.get(name) === asking && remembered.delete(name),
    );
    return asked;
  };
}

/** A crowd that comes while a key is looked up waits for one answer. */
interface Remembered {
  asked: Promise<Actor>;
  /** What came of it, when it has come. */
  actor?: Actor;
  until: number;
}
