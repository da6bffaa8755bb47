import {
  allHandlersFinished,
  condition,
  continueAsNew,
  defineUpdate,
  patched,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from "@temporalio/workflow";
import type { CardActivities, CardLooks, NextDue } from "../../activities/cards/index.ts";
import { QUEUES } from "../../domain/queues.ts";
import { enterStage } from "../helpers/stage.ts";

const { lookAtCard } = proxyLocalActivities<CardLooks>({
  startToCloseTimeout: "5 seconds",
  retry: { maximumInterval: "10 seconds" },
});

const { endCardsWith } = proxyActivities<CardActivities>({
  taskQueue: QUEUES.io,
  startToCloseTimeout: "1 minute",
  heartbeatTimeout: "10 seconds",
  retry: { maximumInterval: "5 seconds" },
  summary: "end every card of the shard whose time has come",
});

/** What goes from card to card may take long. */
const LONG = {
  taskQueue: QUEUES.io,
  startToCloseTimeout: "30 minutes",
  heartbeatTimeout: "10 seconds",
  retry: { maximumInterval: "30 seconds" },
} as const;

const { turnWheel } = proxyActivities<CardActivities>({
  ...LONG,
  startToCloseTimeout: "10 minutes",
  retry: { maximumInterval: "5 seconds" },
  summary: "end every card of the shard whose time has come",
});

const { mendCardTimers } = proxyActivities<CardActivities>({
  ...LONG,
  summary: "end what is overdue, and give timers to cards that have none",
});

const { removeDeletedCards } = proxyActivities<CardActivities>({
  ...LONG,
  summary: "remove cards for good that were deleted long ago",
});

const { forgetCardResults } = proxyActivities<CardActivities>({
  ...LONG,
  summary: "remove what became of each card in orders that ended long ago",
});

const LONG_HISTORY_EVENTS = 2_000;
/** A clock that is a little behind finds a card still good at its end; and a wheel turns no more often. */
const SHORTEST_SLEEP_MS = 1_000;

/** The card was changed: its time may come earlier. Twice is harmless: it only looks again. */
export const lookAgain = defineUpdate("look");

/**
 * The end of one card: begins when its time has come, or when it was changed. Its row says when that is: this sleeps on
 * when it was moved, and ends when the card has ended already, or its clock stands.
 */
export async function cardEnd(order: { cardId: string }): Promise<void> {
  let told = 0;
  setHandler(lookAgain, () => void told++, {
    description: "The card was changed: look when its time comes now.",
  });
  let isDue = false;
  for (;;) {
    const before = told;
    const next: NextDue = await (isDue ? endCardsWith(order) : lookAtCard(order));
    const { dueAt } = next;
    if (dueAt === null && told === before) return;
    const leftMs: number = (dueAt ?? 0) - Date.now();
    // What is due after it was to be ended: this clock and the worker's differ.
    isDue = dueAt !== null && leftMs <= 0 && !isDue;
    if (isDue || dueAt === null) continue;
    await sleepUntil(dueAt, leftMs, () => told !== before);
    if (workflowInfo().historyLength > LONG_HISTORY_EVENTS && allHandlersFinished()) {
      await continueAsNew<typeof cardEnd>(order);
    }
  }
}

/** Something of the shard is due at `dueAt`, earlier than the wheel wakes by itself. Twice is harmless. */
export const turn = defineUpdate<void, [{ dueAt: number }]>("turn");

/** The ends of all cards of a shard that have no run of their own. What is to be ended stands in the database alone. */
export async function cardWheel(order: { shard: number; ended?: number }): Promise<void> {
  let told = 0;
  let ended = order.ended ?? 0;
  setHandler(turn, () => void told++, {
    description: "A card of this shard comes to its end sooner than those before: look again.",
  });
  for (;;) {
    const before = told;
    const turned = await turnWheel({ shard: order.shard });
    ended += turned.ended;
    const { historyLength, continueAsNewSuggested } = workflowInfo();
    const worthRenewing = historyLength > LONG_HISTORY_EVENTS || continueAsNewSuggested;
    if (worthRenewing && allHandlersFinished()) {
      await continueAsNew<typeof cardWheel>({ ...order, ended });
    }
    if (turned.dueAt === null) {
      setCurrentDetails(`${ended} cards have ended; nothing is due.`);
      await condition(() => told !== before);
      continue;
    }
    setCurrentDetails(`${ended} cards have ended; the next is due ${iso(turned.dueAt)}.`);
    await sleepUntil(turned.dueAt, turned.dueAt - Date.now(), () => told !== before);
  }
}

/** Every hour: what timers were late for, or were lost; and what is kept of cards no longer than for some time. */
export async function cardReconciliation(): Promise<{ ended: number; begun: number }> {
  enterStage("comparing");
  const mended = await mendCardTimers();
  let done = `- overdue and ended: ${mended.ended}\n- without a timer: ${mended.begun}`;
  setCurrentDetails(done);
  if (patched("2026-11-21 deleted cards")) {
    enterStage("removing");
    setCurrentDetails((done += `\n- deleted and removed: ${await removeDeletedCards()}`));
  }
  if (patched("2026-11-22 card results")) {
    enterStage("forgetting");
    setCurrentDetails(`${done}\n- results of old orders, removed: ${await forgetCardResults()}`);
  }
  enterStage("done");
  return mended;
}

async function sleepUntil(dueAt: number, leftMs: number, isTold: () => boolean): Promise<void> {
  const summary = `until ${iso(dueAt)}`;
  await condition(isTold, Math.max(SHORTEST_SLEEP_MS, leftMs), { summary });
}

function iso(moment: number): string {
  return new Date(moment).toISOString();
}
