import { defaultPayloadConverter } from "@temporalio/common";
import type { ActivityInterceptorsFactory } from "@temporalio/worker";
import { CALLER_HEADER, type Caller } from "../../domain/accounts.ts";

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
