import { z } from "zod";
import type { Heard } from "../../domain/downloads/progress.ts";
import { PROGRESS_MARK } from "./options.ts";

const Bytes = z.number().nonnegative().nullish();

const Line = z.object({
  status: z.string(),
  step: z.string().nullish(),
  downloaded: Bytes,
  total: Bytes,
  estimate: Bytes,
  speed: Bytes,
  eta: Bytes,
  format: z.string().nullish(),
  video: z.string().nullish(),
  audio: z.string().nullish(),
});

/** What a line of yt-dlp's says of its progress; undefined for what is something else. */
export function readProgress(line: string): Heard | undefined {
  if (!line.startsWith(PROGRESS_MARK)) return undefined;
  const parsed = Line.safeParse(parse(line.slice(PROGRESS_MARK.length)));
  if (!parsed.success) return undefined;
  const { step, downloaded, total, estimate, speed, eta, format, video, audio } = parsed.data;
  if (step) return { kind: "step", name: step };
  const rounded = (value: number | null | undefined) =>
    typeof value === "number" ? Math.round(value) : null;
  return {
    kind: "stream",
    format: format ?? "",
    carries: audio === "none" ? "video" : video === "none" ? "audio" : "both",
    downloadedBytes: rounded(downloaded) ?? 0,
    totalBytes: rounded(total ?? estimate),
    bytesPerSecond: rounded(speed),
    etaSeconds: rounded(eta),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
