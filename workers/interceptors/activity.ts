import { defaultPayloadConverter } from "@temporalio/common";
import type { ActivityInterceptorsFactory } from "@temporalio/worker";
import { CALLER_HEADER, type Caller } from "../../domain/accounts.ts";

const BEAT_MS = 1_000;

/**
 * Says every second that an activity's worker lives, for every activity that has a heartbeat timeout: of a worker that
 * is lost, its work begins again elsewhere within seconds, and not when the longest time is over that it may take.
 */
export const sayAlive: ActivityInterceptorsFactory = (context) => ({
  inbound: {
    async execute(input, next) {
      if (!context.info.heartbeatTimeoutMs) return next(input);
      const beat = setInterval(() => context.heartbeat(), BEAT_MS);
      try {
        return await next(input);
      } finally {
        clearInterval(beat);
      }
    },
  },
});

/** Names the caller in every log line of an activity. */
export const nameCaller: ActivityInterceptorsFactory = ({ info }) => {
  let caller: Caller | undefined;
  return {
    inbound: {
      execute(input, next) {
        const payload = input.headers[CALLER_HEADER];
        caller = payload && defaultPayloadConverter.fromPayload<Caller>(payload);
        return next(input);
      },
    },
    outbound: {
      getLogAttributes: (input, next) => next({ ...input, ...caller, queue: info.taskQueue }),
    },
  };
};
