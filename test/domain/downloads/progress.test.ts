import { expect, test } from "vitest";
import {
  createProgress,
  type Heard,
  PHASE_LABELS,
  PHASES,
  type Progress,
} from "../../../domain/downloads/progress.ts";

const stream = (given: Partial<Extract<Heard, { kind: "stream" }>>): Heard => ({
  kind: "stream",
  format: "1",
  carries: "both",
  downloadedBytes: 0,
  totalBytes: 100,
  bytesPerSecond: 10,
  etaSeconds: 10,
  ...given,
});
const steps: Heard[] = ["Merger", "MoveFiles", "storing"].map((name) => ({ kind: "step", name }));

function follow(heard: readonly Heard[]): Progress[] {
  const tell = createProgress();
  return heard.map((one) => tell(one));
}

test("one stream is 85 of 100, and what comes after it the rest", () => {
  const seen = follow([
    stream({}),
    stream({ downloadedBytes: 50 }),
    stream({ downloadedBytes: 100 }),
    ...steps,
  ]);

  expect(seen.map(({ phase, percent }) => `${phase} ${percent}`)).toEqual([
    "downloading 0",
    "downloading 42",
    "downloading 85",
    "merging 85",
    "processing 92",
    "storing 95",
  ]);
});

test("picture and sound have a share each, and their bytes add up", () => {
  const video = { format: "137", carries: "video" } as const;
  const audio = { format: "140", carries: "audio", totalBytes: 10 } as const;

  const seen = follow([
    stream({ ...video, downloadedBytes: 100 }),
    stream({ ...audio, downloadedBytes: 5 }),
    steps[0]!,
  ]);

  expect(seen).toMatchObject([
    { phase: "downloading_video", percent: 65, downloadedBytes: 100, totalBytes: 100 },
    { phase: "downloading_audio", percent: 75, downloadedBytes: 105, totalBytes: 110 },
    { phase: "merging", percent: 85, downloadedBytes: 105, totalBytes: 110 },
  ]);
});

test("sound alone is all there is", () => {
  const [seen] = follow([stream({ carries: "audio", downloadedBytes: 100 })]);

  expect(seen).toMatchObject({ phase: "downloading", percent: 85 });
});

test("it never goes back, and nobody knows how much there is of what has no length", () => {
  const seen = follow([
    stream({ downloadedBytes: 80 }),
    stream({ downloadedBytes: 10, totalBytes: null }),
  ]);

  expect(seen.map(({ percent, totalBytes }) => [percent, totalBytes])).toEqual([
    [68, 100],
    [68, null],
  ]);
});

test("every phase is called something in both languages", () => {
  const labels = PHASES.flatMap((phase) => Object.values(PHASE_LABELS[phase]));

  expect(new Set(labels).size).toBe(2 * PHASES.length);
});
