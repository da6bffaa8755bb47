import { readFileSync, renameSync } from "node:fs";

/** The places before and after everything that a publication does to the world, in the order in which it comes to them. */
export const FAULT_POINTS = [
  "outbox/taken",
  "outbox/delivered",
  "outbox/recorded",
  "claim/begun",
  "claim/recorded",
  "switch/begun",
  "switch/done",
  "switch/recorded",
  "purge/begun",
  "purge/done",
  "purge/recorded",
  "check/begun",
  "check/done",
  "check/recorded",
  "live/begun",
  "live/written",
  "live/recorded",
  "log/begun",
  "log/stored",
  "log/recorded",
] as const;
export type FaultPoint = (typeof FAULT_POINTS)[number];

/** Passes a place at which a test may end the process. */
export type Fault = (point: FaultPoint) => void;

/**
 * Nothing, unless tests have named the file of their orders: then the process that comes to the point that stands
 * there takes the order, so that it is carried out once, and kills itself on the spot.
 */
export function openFaults(orderFile: string | undefined): Fault {
  if (!orderFile) return () => undefined;
  return (point) => {
    if (readOrder(orderFile) !== point) return;
    try {
      renameSync(orderFile, `${orderFile}.taken`);
    } catch {
      return; // Another process was faster.
    }
    process.kill(process.pid, "SIGKILL");
  };
}

function readOrder(orderFile: string): string | undefined {
  try {
    return readFileSync(orderFile, "utf8");
  } catch {
    return undefined; // Nothing is ordered.
  }
}
