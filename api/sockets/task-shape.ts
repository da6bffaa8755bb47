import type { Frame } from "./frames.ts";

/** What is known of a task: the newest of what was told of it. */
export interface TaskSeen {
  status?: Record<string, unknown> & { status: string };
  progress?: Record<string, unknown>;
}

/** The words of contract V23 for how a task stands. */
const STATUS: Readonly<Record<string, { status: string; zh: string; en: string }>> = {
  queued: { status: "pending", zh: "等待中", en: "Waiting to begin" },
  waiting: { status: "pending", zh: "等待中", en: "Waiting" },
  running: { status: "downloading", zh: "进行中", en: "Under way" },
  completed: { status: "completed", zh: "已完成", en: "Completed" },
  failed: { status: "failed", zh: "失败", en: "Failed" },
  cancelled: { status: "failed", zh: "已取消", en: "Cancelled" },
};

/** Notes what a frame tells of its task; false when it tells nothing that is shown. */
export function note(seen: TaskSeen, { event, body }: Pick<Frame, "event" | "body">): boolean {
  if (event === "task:log" || event === "notification") return false;
  const told: unknown = JSON.parse(body);
  if (event === "task:progress") seen.progress = told as NonNullable<TaskSeen["progress"]>;
  else seen.status = told as NonNullable<TaskSeen["status"]>;
  return true;
}

/** True when nothing more will come. */
export function isOver({ status }: TaskSeen): boolean {
  return ["completed", "failed", "cancelled"].includes(status?.status ?? "");
}

/** A task in the shape of contract V23, with all that its clients look for. */
export function shapeOf({
  status = { status: "queued" },
  progress = {},
}: TaskSeen): Record<string, unknown> {
  const state = status.status;
  const { status: word, zh, en } = STATUS[state] ?? STATUS["queued"]!;
  const error = status["error_message"];
  return {
    task_id: status["task_id"],
    status: word,
    state,
    percent: state === "completed" ? 100 : (progress["progress"] ?? 0),
    ...pick(progress, ["downloaded_bytes", "total_bytes", "done", "total", "unit"]),
    ...(word === "downloading" && pick(progress, ["speed", "eta"])),
    ...(word === "downloading" && pick(progress, ["phase", "phase_label", "phase_label_en"])),
    ...pick(status, ["history_id", "file_size", "error_code", "result_files", "next_try_at"]),
    ...pick(status, ["waiting_for"]),
    message: error ?? messageOf(state, status, progress),
    status_text: zh,
    status_text_en: en,
    ...(error !== undefined && { error_message: error }),
  };
}

function messageOf(state: string, status: TaskSeen["status"], progress: TaskSeen["progress"]) {
  if (state === "completed") return "Download completed";
  const said = progress?.["message"] ?? status?.["message"];
  return said ?? (state === "running" ? "Download started" : STATUS[state]?.en);
}

function pick(from: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    names.flatMap((name) => (from[name] === undefined ? [] : [[name, from[name]]])),
  );
}
