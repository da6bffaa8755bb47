/** What of a download this command looks at; the rest is handed on as it came. */
export interface DownloadOut {
  history_id: number;
  url: string;
  title: string | null;
  state: string;
  waiting_for: string | null;
  next_try_at: string | null;
  error_message: string | null;
  progress: { phase_label: { zh: string; en: string }; percent: number } | null;
  file_name: string | null;
  expire_at: string | null;
}

/** What you have downloaded. */
export const HISTORY = "/api/v1/user/history";

/** Where the file of a download is got. */
export function filePath(id: number | string): string {
  return `/api/v1/download/file?history_id=${encodeURIComponent(id)}`;
}

/** Whether there are bytes of it. */
export function hasFile({ state }: DownloadOut): boolean {
  return state === "kept" || state === "ready";
}
