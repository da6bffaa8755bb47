import { z } from "zod";
import {
  gateKind,
  gateTerms,
  GATE_KINDS,
  GATE_REASONS,
  type UsualGates,
} from "../../domain/gates.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { GateView } from "../../models/gates/index.ts";

const Moment = z.iso.datetime({ offset: true });
const wire = (moment: Date | null | undefined) => moment?.toISOString() ?? null;

const Rate = z.strictObject({
  points: z.int().min(1).max(LIMITS.gateRatePoints),
  seconds: z.int().min(1).max(LIMITS.gateRateSeconds),
});
/** `host:<name>` or `platform:<name>`. */
const Key = z
  .string()
  .max(270)
  .regex(/^(host:[a-z0-9.:[\]-]+|platform:[a-z0-9-]+)$/, "must be host:<name> or platform:<name>");
export const GateKey = z.strictObject({ key: Key });
/** Null, or nothing, is what is usual. */
export const GateBody = z.strictObject({
  places: z.int().min(1).max(LIMITS.gatePlaces).nullish(),
  rate: Rate.nullish(),
});

export const GateOut = z.strictObject({
  key: Key,
  kind: z.enum(GATE_KINDS),
  places: z.int(),
  rate: Rate,
  /** Whether an operator has said so. */
  is_set: z.boolean(),
  inside: z.array(z.strictObject({ task_id: z.uuid(), since: Moment })),
  closed_until: Moment.nullable(),
  reason: z.string().nullable(),
  waiting: z.array(
    z.strictObject({
      task_id: z.uuid(),
      why: z.enum(GATE_REASONS),
      since: Moment,
      /** When they look again, if nobody tells them before. */
      until: Moment,
    }),
  ),
});
export const GatesOut = z.strictObject({ items: z.array(GateOut) });

export function presentGate(
  { gate, passes, waiters }: GateView,
  usual: UsualGates,
  now = new Date(),
): z.input<typeof GateOut> {
  const isClosed = gate.closedUntil && gate.closedUntil > now;
  return {
    key: gate.key,
    kind: gateKind(gate.key),
    ...gateTerms(gate, usual),
    is_set: gate.places !== null || gate.ratePoints !== null,
    inside: passes.map(({ holder, createdAt }) => ({
      task_id: holder,
      since: createdAt.toISOString(),
    })),
    closed_until: isClosed ? wire(gate.closedUntil) : null,
    reason: isClosed ? gate.reason : null,
    waiting: waiters.map(({ holder, reason, createdAt, until }) => ({
      task_id: holder,
      why: reason,
      since: createdAt.toISOString(),
      until: until.toISOString(),
    })),
  };
}
