import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

/** Replaces what it keeps, all of it again and again, and says how many bytes it took at most. */
const PROGRAM = `
  const { keepHeapTight } = await import("./platform/heap.ts");
  const make = () => ({ one: { two: {} }, list: [1, 2, 3] });
  const kept = Array.from({ length: 100_000 }, make);
  if (process.argv[1] === "tight") keepHeapTight();
  let most = 0;
  for (let turn = 0; turn < 30; turn++) {
    for (let at = 0; at < kept.length; at++) kept[at] = make();
    most = Math.max(most, process.memoryUsage().heapUsed);
  }
  console.log(most);
`;

async function bytesOf(way: "tight" | "usual"): Promise<number> {
  const args = ["--import", "tsx", "--input-type=module", "-e", PROGRAM, way];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return Number(stdout);
}

test("a process that keeps its heap tight takes less for the same, from then on", async () => {
  const [tight, usual] = await Promise.all([bytesOf("tight"), bytesOf("usual")]);

  console.log(`at most ${tight} bytes, without it ${usual}`);
  expect(tight).toBeLessThan(usual * 0.8);
});
