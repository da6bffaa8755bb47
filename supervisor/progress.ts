/** What a person may have to wait for. */
export type Step =
  | "building"
  | "building-elsewhere"
  | "fetching-temporal"
  | "fetching-temporal-elsewhere"
  | "starting";

/** How a step stands: how long it lasts, and where it is in a few words. */
export interface Progress {
  step: Step;
  seconds: number;
  stand?: string;
}
export type OnProgress = (progress: Progress) => void;

/** Runs `body` and reports once a second that it lasts, with what `body` last said about itself. */
export async function whileReporting<T>(
  step: Step,
  onProgress: OnProgress,
  body: (say: (stand: string) => void) => Promise<T>,
): Promise<T> {
  const started = Date.now();
  let stand: string | undefined;
  const clock = setInterval(() => {
    const seconds = Math.round((Date.now() - started) / 1000);
    onProgress(stand === undefined ? { step, seconds } : { step, seconds, stand });
  }, 1_000);
  try {
    return await body((words) => (stand = words));
  } finally {
    clearInterval(clock);
  }
}
