import { defineUpdate, setHandler } from "@temporalio/workflow";
import type { TakenUp } from "../../activities/downloads/index.ts";
import { assertReady, type DownloadState, expiryAfter } from "../../domain/downloads.ts";
import { refusal } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";

/**
 * Ends what goes on; the download has failed, with that as its reason. Twice is harmless, and so is what comes when the
 * download was begun anew: it is for the life that it was asked in.
 */
export const cancelDownload = defineUpdate<void, [{ life?: number }]>("cancelDownload");

/** Ends what goes on and removes the file. Twice is harmless. */
export const removeDownload = defineUpdate<void, [object]>("removeDownload");

/** Lets a failed download begin anew, also while its last life is wound up. Twice is harmless. */
export const beginAgain = defineUpdate<void, [object]>("beginAgain");

/** Does not wait any longer for the time of the next try. Refused where nothing waits for it. */
export const tryDownloadNow = defineUpdate("tryDownloadNow");

/** Keeps a ready file for so long from now on. Answers its new end in epoch milliseconds. */
export const extendDownload = defineUpdate<number, [{ seconds: number }]>("extendDownload");

/** Keeps a ready file for ever. */
export const keepDownload = defineUpdate("keepDownload");

/** What a download's workflow has been told, and where it stands for whoever tells it something. */
export interface Desk {
  state: DownloadState;
  /** Epoch milliseconds. */
  expireAt: number | null;
  wanted: "cancel" | "remove" | undefined;
  /** How often it was begun anew, and in which life it was last asked to be cancelled, where that was said. */
  life: number;
  cancelledLife: number | undefined;
  /** Set while the next try is waited for. */
  isWaiting: boolean;
  /** Set while nothing is left to be done but to wind up: what is told then is for another life. */
  isClosing: boolean;
  /** Set when there has to be another life, from where its row stands. */
  isToldAnew: boolean;
  /** Ends what goes on now. */
  interrupt: () => void;
}

/** Whoever is told so waits no longer for the time of the next try. */
export function hearTryNow(desk: Pick<Desk, "isWaiting">): void {
  setHandler(tryDownloadNow, () => void (desk.isWaiting = false), {
    description: "Do not wait any longer for the time of the next try.",
    validator: () => {
      if (desk.isWaiting) return;
      throw refusal("downloads/not-retryable", "This download waits for no next try.");
    },
  });
}

/** What is done about a ready file. */
export interface Keeping {
  moveExpiry: (expireAt: number) => Promise<void>;
  keepForEver: () => Promise<void>;
}

/** Opens the desk: its handlers stand from now on. */
export function openDesk({ moveExpiry, keepForEver }: Keeping): Desk {
  const desk: Desk = {
    state: "queued",
    expireAt: null,
    wanted: undefined,
    life: 0,
    cancelledLife: undefined,
    isWaiting: false,
    isClosing: false,
    isToldAnew: false,
    interrupt: () => {},
  };
  const end = (how: "cancel" | "remove") => {
    desk.wanted = how === "remove" ? how : (desk.wanted ?? how);
    desk.isToldAnew ||= desk.isClosing;
    desk.interrupt();
  };
  const cancel = ({ life }: { life?: number }) => {
    // It was over before this came, or heard of it already.
    if (life !== undefined && life < desk.life) return;
    desk.cancelledLife = life;
    end("cancel");
  };
  setHandler(cancelDownload, cancel, {
    description: "End what goes on: the download has failed, as cancelled.",
  });
  setHandler(removeDownload, () => end("remove"), {
    description: "End what goes on, and remove the file.",
  });
  setHandler(beginAgain, () => void (desk.isToldAnew = true), {
    description: "Begin anew, after it has failed.",
  });
  hearTryNow(desk);
  const extend = async ({ seconds }: { seconds: number }): Promise<number> => {
    const expireAt = expiryAfter(Date.now(), seconds);
    await moveExpiry(expireAt);
    desk.expireAt = expireAt;
    return expireAt;
  };
  setHandler(extendDownload, extend, {
    description: "Keep the file for so many seconds from now on.",
    validator: ({ seconds }) => {
      assertReady(desk.state);
      if (seconds > 0 && seconds <= LIMITS.downloadTtlSeconds) return;
      throw refusal("request/invalid", "A file is kept for up to thirty days at a time.");
    },
  });
  const keep = async () => {
    await keepForEver();
    desk.state = "kept";
  };
  setHandler(keepDownload, keep, {
    description: "Keep the file for ever.",
    validator: () => assertReady(desk.state),
  });
  return desk;
}

/** Begins a life where its row stands: what was told of an earlier one is not for it. */
export function beginLife(desk: Desk, { state, isRemoved, life = 0 }: TakenUp): void {
  [desk.state, desk.life] = [state, life];
  if (desk.wanted === "cancel" && (desk.cancelledLife ?? life) < life) desk.wanted = undefined;
  if (isRemoved) desk.wanted = "remove";
}

/** Ends what could be cancelled in this life; what is told of the next one is kept for it. */
export function endCancelling(desk: Desk): void {
  desk.interrupt = () => {};
  const isForNext = (desk.cancelledLife ?? 0) > desk.life;
  if (desk.wanted === "cancel" && !isForNext) desk.wanted = undefined;
}
