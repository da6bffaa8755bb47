import { defaultPayloadConverter } from "@temporalio/common";
import type { Headers, WorkflowInterceptors } from "@temporalio/workflow";
import { CALLER_HEADER, type Caller } from "../../domain/accounts.ts";
import { currentCaller, onBehalfOf } from "../../workflows/helpers/caller.ts";

/** Hands the caller on: from the request that started or told a workflow to its activities and children. */
export function interceptors(): WorkflowInterceptors {
  return {
    inbound: [
      {
        execute: (input, next) => onBehalfOf(callerIn(input.headers), () => next(input)),
        handleUpdate: (input, next) => onBehalfOf(callerIn(input.headers), () => next(input)),
        handleSignal: (input, next) => onBehalfOf(callerIn(input.headers), () => next(input)),
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => next({ ...input, headers: carrying(input.headers) }),
        startChildWorkflowExecution: (input, next) =>
          next({ ...input, headers: carrying(input.headers) }),
        getLogAttributes: (input, next) => next({ ...input, ...currentCaller() }),
      },
    ],
    internals: [],
  };
}

function callerIn(headers: Headers): Caller | undefined {
  const payload = headers[CALLER_HEADER];
  return payload && defaultPayloadConverter.fromPayload<Caller>(payload);
}

function carrying(headers: Headers): Headers {
  const caller = currentCaller();
  return caller
    ? { ...headers, [CALLER_HEADER]: defaultPayloadConverter.toPayload(caller) }
    : headers;
}
