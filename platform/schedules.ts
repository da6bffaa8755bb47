import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
} from "@temporalio/client";
import { QUEUES } from "../domain/queues.ts";
import { SEARCH_ATTRIBUTES } from "../domain/search-attributes.ts";

/** A workflow that begins again and again. */
export interface Rhythm {
  /** The schedule's id; each of its workflows is called so too, with the moment of its tick behind. */
  id: string;
  everySeconds: number;
  /** A moment at which it ticks, in epoch milliseconds: all other ticks lie whole intervals from it. */
  anchorMs: number;
  isPaused: boolean;
  workflow: string;
  input: unknown;
  /** One line for people who look at it, what kind of thing it is, and the public id of what it is about. */
  summary: string;
  kind: string;
  subject: string;
}

/** What Temporal knows of a rhythm. */
export interface SeenRhythm {
  everySeconds: number;
  anchorMs: number;
  isPaused: boolean;
  nextAt: Date[];
  /** Ticks that were left out because the workflow of an earlier one was not over. */
  skipped: number;
  /** Ticks of an outage that nobody made up for, all but its last. */
  missed: number;
}

/** Keeps rhythms in Temporal, as Temporal Schedules. */
export interface Schedules {
  /** Makes it as it is said here. Twice is harmless. */
  apply(rhythm: Rhythm): Promise<void>;
  /** Twice is harmless. */
  remove(id: string): Promise<void>;
  /** Undefined when there is none. */
  look(id: string): Promise<SeenRhythm | undefined>;
}

/** Schedules in the client's namespace. */
export function openSchedules({ schedule }: Pick<Client, "schedule">): Schedules {
  return {
    async apply(rhythm) {
      const wanted = scheduleOf(rhythm);
      const state = { paused: rhythm.isPaused };
      try {
        await schedule.create({ scheduleId: rhythm.id, ...wanted, state });
      } catch (error) {
        if (!(error instanceof ScheduleAlreadyRunning)) throw error;
        await schedule.getHandle(rhythm.id).update((before) => ({
          ...wanted,
          state: { ...before.state, ...state },
        }));
      }
    },
    async remove(id) {
      await schedule
        .getHandle(id)
        .delete()
        .catch((error: unknown) => unlessNotFound(error));
    },
    async look(id) {
      try {
        return seen(await schedule.getHandle(id).describe());
      } catch (error) {
        return unlessNotFound(error);
      }
    },
  };
}

/**
 * An outage over many ticks is made up for once: two intervals back there is always one tick to be caught up, and of
 * those that are caught up together all but one are left out, for the workflow of the first is not over.
 */
function scheduleOf(rhythm: Rhythm) {
  const { id, everySeconds, anchorMs, workflow, input, summary, kind, subject } = rhythm;
  const every = everySeconds * 1000;
  return {
    spec: { intervals: [{ every, offset: anchorMs % every }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: 2 * every },
    action: {
      type: "startWorkflow" as const,
      workflowType: workflow,
      workflowId: id,
      args: [input],
      taskQueue: QUEUES.orchestrator,
      staticSummary: summary,
      typedSearchAttributes: [
        { key: SEARCH_ATTRIBUTES.kind, value: kind },
        { key: SEARCH_ATTRIBUTES.subject, value: subject },
      ],
    },
  };
}

type Described = Awaited<ReturnType<ReturnType<Client["schedule"]["getHandle"]>["describe"]>>;

function seen({ spec, state, info }: Described): SeenRhythm {
  const [interval] = spec.intervals ?? [];
  return {
    everySeconds: (interval?.every ?? 0) / 1000,
    anchorMs: interval?.offset ?? 0,
    isPaused: state.paused,
    nextAt: info.nextActionTimes,
    skipped: info.numActionsSkippedOverlap,
    missed: info.numActionsMissedCatchupWindow,
  };
}

function unlessNotFound(error: unknown): undefined {
  if (!(error instanceof ScheduleNotFoundError)) throw error;
}
