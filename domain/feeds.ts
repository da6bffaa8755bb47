import type { Permission } from "./accounts.ts";
import { PHASE_LABELS } from "./downloads/progress.ts";

/**
 * What may be followed as a task, and the right by which programs hear of it: an API key hears of what it may do, a
 * person of all that is theirs.
 */
export const TASK_KINDS = {
  package: "packages:read",
  "card-batch": "cards:read",
  "card-bulk": "cards:read",
  "card-import": "cards:read",
  download: "downloads:read",
} as const satisfies Record<string, Permission>;
export type TaskKind = keyof typeof TASK_KINDS;

/** How a task stands. `waiting`: for its time, for something that is away, or for a person. The last three are final. */
export const TASK_STATES = [
  "queued",
  "running",
  "waiting",
  "completed",
  "failed",
  "cancelled",
] as const;
export type TaskState = (typeof TASK_STATES)[number];

const FINAL: ReadonlySet<TaskState> = new Set(["completed", "failed", "cancelled"]);

/** True when a task is over. */
export function isOver(state: TaskState): boolean {
  return FINAL.has(state);
}

/** What a task is busy with, in the words that people are shown. */
export const PHASES = {
  preparing: { zh: "正在准备", en: "Preparing" },
  building: { zh: "正在构建", en: "Building" },
  generating: { zh: "正在生成卡密", en: "Making cards" },
  changing: { zh: "正在修改卡密", en: "Changing cards" },
  undoing: { zh: "正在撤销修改", en: "Undoing the changes" },
  importing: { zh: "正在导入卡密", en: "Taking cards in" },
  ...PHASE_LABELS,
} as const satisfies Record<string, { zh: string; en: string }>;
export type Phase = keyof typeof PHASES;

/** Facts that a line adds to a message, spelled as on the wire. */
export type Facts = Readonly<Record<string, string | number | boolean | null>>;

/** Which task, whose, and of which line. */
export interface TaskRef {
  taskId: string;
  accountId: string;
  kind: TaskKind;
}

/** Where a task stands from now on. */
export type TaskUpdate = TaskRef & { message?: string; facts?: Facts } & (
    | { state: "queued" | "running" | "waiting" }
    | {
        state: "completed";
        /** Addresses or names of what came of it. */
        files: readonly string[];
        seconds: number;
        /** In yuan; 0 for what costs nothing. */
        cost?: number;
      }
    | { state: "failed" | "cancelled"; reason: string; code?: string }
  );

/** Where a piece of work is, as its worker knows it. */
export interface TaskProgress extends TaskRef {
  phase: Phase;
  /** 0 to 100 within the phase; told from `done` and `total` when not given. */
  percent?: number;
  done?: number;
  total?: number;
  unit?: "bytes" | "cards" | "lines" | "steps" | "frames" | "files";
  /** Units a second, and the seconds that are left; told from how `done` grows when not given. */
  speed?: number;
  etaSeconds?: number;
  message?: string;
  facts?: Facts;
}

/** Tells how far a task is. It is never waited for and never fails: of what comes too often the newest is told. */
export type ReportProgress = (progress: TaskProgress) => void;

/** Something that somebody should know. */
export interface Notice {
  accountId: string;
  type: "info" | "success" | "warning" | "error";
  /** What the contract's clients show is Chinese; English stands beside it. */
  title: Said;
  message: Said;
  actionUrl?: string;
}

/** The same in both languages. */
export interface Said {
  zh: string;
  en: string;
}

/** The names of what a feed carries. */
export type FrameEvent = "notification" | "task:progress" | "task:log" | TaskEvent;
type TaskEvent = "task:status" | "task:completed" | "task:failed";

/** The body of a frame: what stands under `data`. */
export type FrameBody = Record<string, unknown>;

const MESSAGE_CHARACTERS = 2000;
const short = (text: string) => text.slice(0, MESSAGE_CHARACTERS);

/** What the outside is told of where a task stands. */
export function taskFrame(update: TaskUpdate, at: Date): { event: TaskEvent; body: FrameBody } {
  const { taskId, kind, state, message, facts } = update;
  const body: FrameBody = {
    ...facts,
    task_id: taskId,
    kind,
    status: state,
    timestamp: at.toISOString(),
    ...(message !== undefined && { message: short(message) }),
  };
  if (update.state === "completed") {
    const { files, seconds, cost = 0 } = update;
    const result = { result_files: files, render_time: seconds, cost };
    return { event: "task:completed", body: { ...body, ...result } };
  }
  if (update.state === "failed" || update.state === "cancelled") {
    const { reason, code } = update;
    const error = { error_message: short(reason), ...(code && { error_code: code }) };
    return { event: "task:failed", body: { ...body, ...error } };
  }
  return { event: "task:status", body };
}

/** How far a task is, with all that was told or found out. */
export type KnownProgress = TaskProgress & { percent: number };

/** What the outside is told of a task's progress. */
export function progressBody(progress: KnownProgress, at: Date): FrameBody {
  const { taskId, kind, phase, percent, done, total, unit, speed, etaSeconds } = progress;
  const { message, facts } = progress;
  const counted = unit === undefined ? {} : countedAs(unit, done, total);
  return {
    ...facts,
    task_id: taskId,
    kind,
    progress: percent,
    timestamp: at.toISOString(),
    phase,
    phase_label: PHASES[phase].zh,
    phase_label_en: PHASES[phase].en,
    ...counted,
    ...(speed !== undefined && { speed: Math.round(speed) }),
    ...(etaSeconds !== undefined && { eta: Math.ceil(etaSeconds) }),
    ...(message !== undefined && { message: short(message) }),
  };
}

/** Bytes and frames have names of their own in the contracts. */
function countedAs(unit: string, done?: number, total?: number): FrameBody {
  const [doneName, totalName] = COUNTED[unit] ?? ["done", "total"];
  return {
    unit,
    ...(done !== undefined && { [doneName]: done }),
    ...(total !== undefined && { [totalName]: total }),
  };
}

const COUNTED: Readonly<Record<string, readonly [string, string]>> = {
  bytes: ["downloaded_bytes", "total_bytes"],
  frames: ["current_frame", "total_frames"],
};

/** What is known of a task's progress when it is told of more: within a phase no number falls. */
export function advance(
  before: { phase: string | null; percent: number | null } | undefined,
  { phase, percent }: Pick<KnownProgress, "phase" | "percent">,
): number {
  const bounded = Math.min(Math.max(percent, 0), 100);
  const rounded = Math.floor(bounded * 10) / 10;
  return before?.phase === phase ? Math.max(before.percent ?? 0, rounded) : rounded;
}

/** What the outside is told of a notice. */
export function noticeBody({ type, title, message, actionUrl }: Notice, at: Date): FrameBody {
  return {
    title: title.zh,
    message: message.zh,
    title_en: title.en,
    message_en: message.en,
    type,
    timestamp: at.toISOString(),
    ...(actionUrl !== undefined && { action_url: actionUrl }),
  };
}

/** A line of a task's log. */
export interface TaskNote extends TaskRef {
  level: "info" | "warning" | "error";
  message: string;
}

/** What the outside is told of a line of a task's log. */
export function noteBody({ taskId, level, message }: TaskNote, at: Date): FrameBody {
  return { task_id: taskId, level, message: short(message), timestamp: at.toISOString() };
}
