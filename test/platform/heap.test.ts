import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

/** Replaces what it keeps, all of it again and again, and says what it took at most of what it keeps. */
const PROGRAM = `
  const { keepHeapTight } = await import("./platform/heap.ts");
  if (process.argv[1] === "tight") keepHeapTight();
  const make = () => ({ one: { two: {} }, list: [1, 2, 3] });
  const kept = Array.from({ length: 100_000 }, make);
  gc();
  const before = process.memoryUsage().heapUsed;
  let most = 0;
  for (let turn = 0; turn < 30; turn++) {
    for (let at = 0; at < kept.length; at++) kept[at] = make();
    most = Math.max(most, process.memoryUsage().heapUsed);
  }
  console.log(most / before);
`;

async function mostOf(way: "tight" | "usual"): Promise<number> {
  const args = ["--expose-gc", "--import", "tsx", "--input-type=module", "-e", PROGRAM, way];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return Number(stdout);
}

test("a process that keeps its heap tight takes less for what it has used before", async () => {
  const [tight, usual] = await Promise.all([mostOf("tight"), mostOf("usual")]);

  console.log(
    `at most ${tight.toFixed(2)} times what it keeps, without it ${usual.toFixed(2)} times`,
  );
  expect(tight).toBeLessThan(usual * 0.8);
});
