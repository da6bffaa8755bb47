import type { Client } from "@temporalio/client";

/** One thing that the code under test asked of Temporal. */
export interface TemporalCall {
  /** `start`, `executeUpdateWithStart`, `signal`, `query`, … */
  method: string;
  workflowId?: string;
  /** The name of the workflow, update, signal or query. */
  name?: string;
  args: unknown[];
  options?: unknown;
}

/** A client that starts nothing: it remembers what was asked, and answers what the test says. */
export interface TemporalFake {
  client: Client;
  calls: TemporalCall[];
  /** What the next calls answer; undefined when not set. May throw. */
  answerWith(answer: (call: TemporalCall) => unknown): void;
}

/** Makes a Temporal client that remembers calls. */
export function fakeTemporal(): TemporalFake {
  const calls: TemporalCall[] = [];
  let answer: (call: TemporalCall) => unknown = () => undefined;

  const remember = async (call: TemporalCall): Promise<unknown> => {
    calls.push(call);
    return answer(call);
  };
  const handleOf = (workflowId: string) => ({
    workflowId,
    executeUpdate: (update: unknown, options?: Given) =>
      remember(asked("executeUpdate", update, options, workflowId)),
    startUpdate: (update: unknown, options?: Given) =>
      remember(asked("startUpdate", update, options, workflowId)),
    signal: (signal: unknown, ...args: unknown[]) =>
      remember(asked("signal", signal, { args }, workflowId)),
    query: (query: unknown, ...args: unknown[]) =>
      remember(asked("query", query, { args }, workflowId)),
    describe: () => remember(asked("describe", undefined, {}, workflowId)),
    result: () => remember(asked("result", undefined, {}, workflowId)),
    cancel: () => remember(asked("cancel", undefined, {}, workflowId)),
    terminate: (reason?: string) =>
      remember(asked("terminate", undefined, { args: [reason] }, workflowId)),
  });
  const workflow = {
    getHandle: handleOf,
    start: async (type: unknown, options: Given) => {
      await remember(asked("start", type, options));
      return handleOf(options.workflowId!);
    },
    execute: (type: unknown, options: Given) => remember(asked("execute", type, options)),
    signalWithStart: async (type: unknown, options: Given) => {
      await remember(asked("signalWithStart", type, options));
      return handleOf(options.workflowId!);
    },
    executeUpdateWithStart: (update: unknown, options: Given) =>
      remember(asked("executeUpdateWithStart", update, options, startedBy(options))),
    startUpdateWithStart: (update: unknown, options: Given) =>
      remember(asked("startUpdateWithStart", update, options, startedBy(options))),
  };
  const withDeadline = <T>(_deadline: number, ask: () => Promise<T>) => ask();
  const schedule = {
    getHandle: (scheduleId: string) => ({
      describe: () => remember({ method: "describeSchedule", name: scheduleId, args: [] }),
    }),
  };
  return {
    client: { workflow, schedule, withDeadline } as unknown as Client,
    calls,
    answerWith: (given) => {
      answer = given;
    },
  };
}

interface Given {
  workflowId?: string;
  args?: unknown[];
  startWorkflowOperation?: { options?: { workflowId?: string } };
}

function asked(
  method: string,
  definition: unknown,
  options: Given = {},
  workflowId = options.workflowId,
): TemporalCall {
  const name = nameOf(definition);
  const { args = [] } = options;
  return { method, ...(workflowId && { workflowId }), ...(name && { name }), args, options };
}

function nameOf(definition: unknown): string | undefined {
  if (typeof definition === "string") return definition;
  return (definition as { name?: string } | undefined)?.name;
}

function startedBy({ startWorkflowOperation }: Given): string | undefined {
  return startWorkflowOperation?.options?.workflowId;
}
