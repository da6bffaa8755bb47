/** What is being done with one download now, in order. */
export const PHASES = [
  "downloading",
  "downloading_video",
  "downloading_audio",
  "merging",
  "processing",
  "storing",
] as const;
export type Phase = (typeof PHASES)[number];

/** What a phase is called. */
export const PHASE_LABELS: Readonly<Record<Phase, { zh: string; en: string }>> = {
  downloading: { zh: "正在下载", en: "Downloading" },
  downloading_video: { zh: "正在下载视频流", en: "Downloading the picture" },
  downloading_audio: { zh: "正在下载音频流", en: "Downloading the sound" },
  merging: { zh: "正在合并音视频", en: "Putting picture and sound together" },
  processing: { zh: "正在处理文件", en: "Finishing the file" },
  storing: { zh: "正在保存文件", en: "Storing the file" },
};

/** How far a download is. */
export interface Progress {
  phase: Phase;
  /** Of all of it, from 0 to 100; never less than before. */
  percent: number;
  downloadedBytes: number;
  /** Null while nobody knows. */
  totalBytes: number | null;
  bytesPerSecond: number | null;
  etaSeconds: number | null;
}

/** What is heard of a stream that is being fetched, or of a step after it. */
export type Heard =
  | {
      kind: "stream";
      /** The source's name of the stream's format. */
      format: string;
      carries: "both" | "video" | "audio";
      downloadedBytes: number;
      totalBytes: number | null;
      bytesPerSecond: number | null;
      etaSeconds: number | null;
    }
  | { kind: "step"; name: string };

/** Of 100: how much of the way lies behind when a stream of this kind begins, and how long it is. */
const STREAMS: Readonly<Record<"both" | "video" | "audio", { from: number; length: number }>> = {
  both: { from: 0, length: 85 },
  video: { from: 0, length: 65 },
  audio: { from: 65, length: 20 },
};
const STEPS = { merging: 85, processing: 92, storing: 95 } as const;

/** Tells how far one try is, out of what is heard of it. What is fetched of a stream beside it counts too. */
export function createProgress(): (heard: Heard) => Progress {
  const fetched = new Map<string, { downloaded: number; total: number | null }>();
  let percent = 0;
  let isVideoFirst = false;
  const sums = () => {
    const streams = [...fetched.values()];
    const known = streams.every(({ total }) => total !== null);
    return {
      downloadedBytes: streams.reduce((sum, { downloaded }) => sum + downloaded, 0),
      totalBytes: known ? streams.reduce((sum, { total }) => sum + total!, 0) : null,
    };
  };
  return (heard) => {
    if (heard.kind === "step") {
      const phase = phaseOf(heard.name);
      percent = Math.max(percent, STEPS[phase]);
      return { phase, percent, ...sums(), bytesPerSecond: null, etaSeconds: null };
    }
    const { format, downloadedBytes, totalBytes, bytesPerSecond, etaSeconds } = heard;
    isVideoFirst ||= heard.carries === "video";
    // Sound that follows no picture is all there is.
    const carries = heard.carries === "audio" && !isVideoFirst ? "both" : heard.carries;
    const before = fetched.get(format)?.downloaded ?? 0;
    fetched.set(format, { downloaded: Math.max(before, downloadedBytes), total: totalBytes });
    const { from, length } = STREAMS[carries];
    const share = totalBytes ? Math.min(1, downloadedBytes / totalBytes) : 0;
    percent = Math.max(percent, Math.floor(from + length * share));
    const phase = carries === "both" ? "downloading" : (`downloading_${carries}` as const);
    return { phase, percent, ...sums(), bytesPerSecond, etaSeconds };
  };
}

function phaseOf(step: string): keyof typeof STEPS {
  if (step === "storing") return "storing";
  return step === "Merger" ? "merging" : "processing";
}
