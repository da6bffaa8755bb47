/** What a gate stands before: one host, or all hosts of a platform. */
export const GATE_KINDS = ["host", "platform"] as const;
export type GateKind = (typeof GATE_KINDS)[number];

/** Why somebody waits before a gate: all its places are taken, it was passed too often, or its host has sent us away. */
export const GATE_REASONS = ["full", "rate", "closed"] as const;
export type GateReason = (typeof GATE_REASONS)[number];

/** How many may be behind a gate at a time, and how often it may be passed. */
export interface GateTerms {
  places: number;
  rate: { points: number; seconds: number };
}

/** What is usual for each kind of gate. */
export type UsualGates = Readonly<Record<GateKind, GateTerms>>;

/** The platform of what belongs to none: it has no gate, only its hosts have. */
const NO_PLATFORM = "generic";

/** The gates on the way to a host, by their keys in the order in which they are locked. */
export function gatesTo(host: string, platform: string): string[] {
  // A dot at the end of a name is for resolvers: it leads to the same host.
  const hostGate = `host:${host.toLowerCase().replace(/\.$/, "")}`;
  return platform === NO_PLATFORM ? [hostGate] : [hostGate, `platform:${platform}`];
}

/** What kind of gate a key names. */
export function gateKind(key: string): GateKind {
  return key.startsWith("platform:") ? "platform" : "host";
}

/** What holds for a gate: what an operator wants, and otherwise what is usual. */
export function gateTerms(
  gate: {
    key: string;
    places: number | null;
    ratePoints: number | null;
    rateSeconds: number | null;
  },
  usual: UsualGates,
): GateTerms {
  const { places, rate } = usual[gateKind(gate.key)];
  const { ratePoints: points, rateSeconds: seconds } = gate;
  return { places: gate.places ?? places, rate: points && seconds ? { points, seconds } : rate };
}

const FIRST_CLOSING_SECONDS = 60;
const LONGEST_CLOSING_SECONDS = 6 * 3600;

/** How long a gate is closed: as long as its host says, or longer each time when it says nothing. */
export function closingSeconds(strikes: number, retryAfterSeconds?: number): number {
  const wanted = retryAfterSeconds ?? FIRST_CLOSING_SECONDS * 2 ** Math.min(strikes, 10);
  return Math.min(Math.max(1, Math.ceil(wanted)), LONGEST_CLOSING_SECONDS);
}

/** How a gate stands. */
export interface GateFacts extends GateTerms {
  /** Epoch milliseconds; in the past when it is open. */
  closedUntil: number;
  /** How often in a row its host has sent us away: then one at a time goes and looks. */
  strikes: number;
  /** Who is behind it now, and who has waited for longer. */
  inside: number;
  ahead: number;
  /** Epoch milliseconds: since then somebody waits before it; now for who has just come. */
  waitsSince: number;
  /** Epoch milliseconds: by when those who passed will have used up the rate. */
  usedUntil: number;
}

/** When somebody who waits for a place looks again, if nobody tells them before: later, the longer they have waited. */
const FIRST_LOOK_MS = 30_000;
const LAST_LOOK_MS = 300_000;

function nextLook(waitsSince: number, now: number): number {
  return now + Math.min(LAST_LOOK_MS, Math.max(FIRST_LOOK_MS, now - waitsSince));
}

/** How many more may be behind it; after its host has sent us away, one at a time. */
export function freePlaces({
  places,
  strikes,
  inside,
}: Pick<GateFacts, "places" | "strikes" | "inside">): number {
  return Math.max(0, (strikes > 0 ? Math.min(1, places) : places) - inside);
}

/** Whether one more may pass now; if not, why, and when to ask again. Times are epoch milliseconds. */
export function judgeGate(
  gate: GateFacts,
  now: number,
): { may: true; usedUntil: number } | { may: false; why: GateReason; until: number } {
  if (gate.closedUntil > now) return { may: false, why: "closed", until: gate.closedUntil };
  if (gate.ahead >= freePlaces(gate)) {
    return { may: false, why: "full", until: nextLook(gate.waitsSince, now) };
  }
  const { points, seconds } = gate.rate;
  const usedUntil = Math.max(gate.usedUntil, now) + (seconds * 1000) / points;
  const tooEarly = usedUntil - seconds * 1000;
  if (tooEarly > now) return { may: false, why: "rate", until: Math.ceil(tooEarly) };
  return { may: true, usedUntil: Math.ceil(usedUntil) };
}
