import { type Failure, failureOf } from "../../domain/downloads/failures.ts";
import type { Egress, PassageStopped } from "../../platform/egress/index.ts";

/** The way out of one try: which proxy it takes, and as whom. */
export interface Way {
  /** By which the tool's process finds it. */
  env: Readonly<Record<string, string>>;
  /** Aborted when nothing more can come this way. */
  stopped: AbortSignal;
  /** What stopped it, or what it made of the tool's own complaint. */
  judge(failure: Failure): Failure;
  /** Gives back what was lent for it. Twice is harmless. */
  close(): void;
}

/** How long a source may be silent. */
const STALL_MS = 30_000;
/** What is said beside the media: pages, manifests, and what is fetched again after a break. */
const SPARE = 1.5;
const SPARE_BYTES = 64 * 1024 * 1024;

/** Opens the way for one try of at most so many bytes. */
export function openWay(egress: Egress, { maxBytes }: { maxBytes: number }): Way {
  const limitBytes = Math.floor(maxBytes * SPARE) + SPARE_BYTES;
  const passage = egress.enter({ limitBytes, stallMs: STALL_MS });
  return {
    env: passage.environment,
    stopped: passage.stopped,
    judge: (failure) => (passage.stopped.aborted ? failureOfStop(passage.stopped) : failure),
    close: () => passage.close(),
  };
}

function failureOfStop({ reason }: AbortSignal): Failure {
  const { kind } = reason as PassageStopped;
  switch (kind) {
    case "forbidden":
      return failureOf("downloads/address-refused", "terminal");
    case "too-large":
      return failureOf("downloads/too-large", "terminal");
    case "stalled":
      return failureOf("downloads/source-away", "retryable");
    case "proxy-auth":
      return failureOf("downloads/proxy-refused", "proxy");
    case "proxy-unreachable":
      return failureOf("downloads/proxy-away", "proxy");
  }
}
