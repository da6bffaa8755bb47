import { Counter, Gauge, type Registry } from "prom-client";
import type { Logger } from "pino";
import type { Actor, Permission } from "../../domain/accounts.ts";
import { livingOf, thoseWhoMay } from "../../models/accounts.ts";
import type { Database } from "../../models/database.ts";
import type { Bus } from "../../platform/bus.ts";
import type { Tallies } from "../../platform/tallies.ts";

/** Why a connection ends: a close code (RFC 6455 §7.4; 4000 and more are ours) and words for people. */
export interface Ending {
  code: number;
  words: string;
}

/** The reasons for which the platform ends a connection. */
export const ENDINGS = {
  leaving: { code: 1001, words: "The platform is restarting. Connect again in a moment." },
  tooSlow: {
    code: 1013,
    words: "Too slow: too much was waiting. Connect again with since=, the last seq that you have.",
  },
  tooMuchSaid: { code: 1008, words: "Too many messages. Say less, and connect again." },
  broken: { code: 1011, words: "Something went wrong here. Connect again." },
  notAllowed: { code: 4403, words: "You may not follow this any more." },
  signedOut: { code: 4401, words: "You are signed out. Sign in and connect again." },
  tooMany: { code: 4429, words: "Too many connections of this account. Close one of them." },
} as const satisfies Record<string, Ending>;

/** After it was told to go, a client has this long before it is cut off. */
export const FAREWELL_MS = 2_000;

/** A client that follows a feed, by whatever way. */
export interface Connection {
  readonly actor: Pick<Actor, "accountId" | "sessionId" | "keyId">;
  /** What its account's role has to permit for as long as it lasts; missing for what is the account's own. */
  readonly needs?: Permission | undefined;
  /** What it was told and has not taken yet. */
  readonly waitingBytes: number;
  /** Shows that this end is alive, and ends it when the other one is not. */
  beat(): void;
  end(ending: Ending): void;
}

/** All connections of this process. */
export interface Connections {
  /** Takes one more; false when its account has as many as it may, at all processes together. */
  add(connection: Connection): Promise<boolean>;
  remove(connection: Connection, ending?: Ending): void;
  /** Ends them all. */
  close(): void;
}

/** Each connection hears from us once in so many seconds, and has as long to answer. */
const BEAT_SECONDS = 30;
/** Ended sessions and rights are looked for so often: who is signed out is gone within a second. */
const LOOK_MS = 700;
/** Sessions that are asked for in one question. */
const LOOK_AT = 500;

interface ConnectionTools {
  database: Database;
  bus: Bus;
  log: Logger;
  metrics: Registry;
  /** How many connections one account may have. */
  most: number;
  /** Where processes count together; without it this one counts alone. */
  tallies?: Tallies | undefined;
}

/** Keeps connections alive, ends those whose session, key or right has ended, and counts them. */
export function openConnections(tools: ConnectionTools): Connections {
  const { database, bus, log, most, tallies } = tools;
  const register = new Register();
  const counts = openCounts(tools.metrics, () => register.all());
  /** Whether each was counted where all are. */
  const counted = new WeakMap<Connection, Promise<boolean>>();
  let looking: Promise<void> | undefined;

  const lookSoon = () => {
    looking ??= endTheLost(database, register)
      .catch((error: unknown) =>
        log.warn({ err: error }, "ended sessions and rights cannot be looked for"),
      )
      .finally(() => {
        looking = undefined;
      });
  };
  const unsubscribe = bus.subscribe(({ type }) => {
    if (type !== "accounts.rights-changed" && type !== "accounts.keys-changed") return;
    // What a key may hear of is settled as it connects: it connects again when rights have changed.
    if (type === "accounts.rights-changed") {
      for (const one of register.all()) if (one.actor.keyId) one.end(ENDINGS.signedOut);
    }
    lookSoon();
  });
  const timers = [
    setInterval(lookSoon, LOOK_MS),
    setInterval(() => register.nextToBeat().forEach((one) => one.beat()), 1000),
  ];

  const remove = (connection: Connection, ending?: Ending) => {
    if (!register.remove(connection)) return;
    counts.open.dec();
    if (ending) counts.ended.inc({ code: ending.code });
    const { accountId } = connection.actor;
    void counted.get(connection)?.then((wasAdded) => wasAdded && tallies?.drop(accountId));
  };

  return {
    async add(connection) {
      if (register.countOf(connection) >= most) return false;
      register.add(connection);
      counts.open.inc();
      if (!tallies) return true;
      const added = tallies.add(connection.actor.accountId, most);
      counted.set(connection, added);
      if (!(await added)) remove(connection);
      return added;
    },
    remove,
    close() {
      timers.forEach(clearInterval);
      unsubscribe();
      for (const one of register.all()) one.end(ENDINGS.leaving);
      tallies?.close();
    },
  };
}

/** The connections by whatever they are looked for. What it answers may be changed while it is walked. */
class Register {
  readonly #ofAccount = new Map<string, number>();
  readonly #ofName = new Map<string, Set<Connection>>();
  /** Those that last no longer than a right of their account. */
  readonly needing = new Set<Connection>();
  /** Those that are beaten in the same second. */
  readonly #slots = Array.from({ length: BEAT_SECONDS }, () => new Set<Connection>());
  readonly #slotOf = new WeakMap<Connection, Set<Connection>>();
  #second = 0;

  add(connection: Connection): void {
    this.#ofAccount.set(connection.actor.accountId, this.countOf(connection) + 1);
    const name = nameOf(connection);
    this.#ofName.set(name, (this.#ofName.get(name) ?? new Set()).add(connection));
    if (connection.needs) this.needing.add(connection);
    const slot = this.#slots.reduce((least, one) => (one.size < least.size ? one : least));
    this.#slotOf.set(connection, slot.add(connection));
  }

  /** False when it was not there. */
  remove(connection: Connection): boolean {
    if (!this.#slotOf.get(connection)?.delete(connection)) return false;
    this.needing.delete(connection);
    const { accountId } = connection.actor;
    const left = this.countOf(connection) - 1;
    if (left > 0) this.#ofAccount.set(accountId, left);
    else this.#ofAccount.delete(accountId);
    const name = nameOf(connection);
    const same = this.#ofName.get(name);
    same?.delete(connection);
    if (same?.size === 0) this.#ofName.delete(name);
    return true;
  }

  /** How many its account has. */
  countOf({ actor }: Connection): number {
    return this.#ofAccount.get(actor.accountId) ?? 0;
  }

  /** The sessions and keys that somebody is connected by. */
  names(): string[] {
    return [...this.#ofName.keys()];
  }

  ofName(name: string): Connection[] {
    return [...(this.#ofName.get(name) ?? [])];
  }

  all(): Connection[] {
    return this.#slots.flatMap((slot) => [...slot]);
  }

  nextToBeat(): Connection[] {
    this.#second = (this.#second + 1) % BEAT_SECONDS;
    return [...this.#slots[this.#second]!];
  }
}

const nameOf = ({ actor: { sessionId, keyId } }: Connection) =>
  sessionId ? `session:${sessionId}` : `key:${keyId}`;

async function endTheLost(database: Database, register: Register): Promise<void> {
  for (const name of await endedOf(database, register.names())) {
    for (const connection of register.ofName(name)) connection.end(ENDINGS.signedOut);
  }
  for (const connection of await unpermitted(register.needing)) {
    connection.end(ENDINGS.notAllowed);
  }
}

/** Of these sessions and keys, those that have ended. */
async function endedOf(database: Database, names: readonly string[]): Promise<string[]> {
  const ended: string[] = [];
  for (const kind of ["session", "key"] as const) {
    const before = `${kind}:`;
    const own = names.filter((name) => name.startsWith(before));
    for (let start = 0; start < own.length; start += LOOK_AT) {
      const ids = own.slice(start, start + LOOK_AT).map((name) => name.slice(before.length));
      const living = await livingOf(database, kind, ids);
      ended.push(...ids.filter((id) => !living.has(id)).map((id) => before + id));
    }
  }
  return ended;
}

/** Of these connections, those whose accounts lack what they need. */
async function unpermitted(needing: ReadonlySet<Connection>): Promise<Connection[]> {
  const found: Connection[] = [];
  for (const permission of new Set([...needing].map(({ needs }) => needs!))) {
    const own = [...needing].filter(({ needs }) => needs === permission);
    for (let start = 0; start < own.length; start += LOOK_AT) {
      const some = own.slice(start, start + LOOK_AT);
      const ids = [...new Set(some.map(({ actor }) => actor.accountId))];
      const able = await thoseWhoMay(permission, ids);
      found.push(...some.filter(({ actor }) => !able.has(actor.accountId)));
    }
  }
  return found;
}

function openCounts(metrics: Registry, all: () => Connection[]) {
  const waiting: Gauge = new Gauge({
    name: "longhaul_feed_waiting_bytes",
    help: "What clients that follow a feed were told and have not taken yet",
    registers: [metrics],
    collect(): void {
      waiting.set(all().reduce((sum, { waitingBytes }) => sum + waitingBytes, 0));
    },
  });
  return {
    open: new Gauge({
      name: "longhaul_feed_connections",
      help: "Clients that follow a feed over a socket or a stream of events",
      registers: [metrics],
    }),
    ended: new Counter({
      name: "longhaul_feed_connections_ended_total",
      help: "Connections that the platform has ended, by close code",
      labelNames: ["code"],
      registers: [metrics],
    }),
  };
}
