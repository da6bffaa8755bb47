import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

/** Replaces what it keeps, all of it again and again, and says in how many times its bytes that took at most. */
const PROGRAM = `
  const { keepHeapTight } = await import("./platform/heap.ts");
  const make = () => ({ one: { two: {} }, list: [1, 2, 3] });
  const kept = Array.from({ length: 100_000 }, make);
  keepHeapTight();
  const bytes = () => process.memoryUsage().heapUsed;
  const used = bytes();
  let most = 0;
  for (let turn = 0; turn < 10 * kept.length; turn++) {
    kept[turn % kept.length] = make();
    if (turn % 10_000 === 0) most = Math.max(most, bytes());
  }
  console.log(most / used);
`;
/** So what is taken decides when it cleans, and not how busy the machine is: threads of its own would come too late. */
const NODE = ["--single-threaded-gc", "--max-semi-space-size=1", "--input-type=module"];

test("a process that keeps its heap tight takes little more than it uses, from then on", async () => {
  const args = [...NODE, "--import", "tsx", "-e", PROGRAM];
  const { stdout } = await promisify(execFile)(process.execPath, args);

  // It is 1.6; V8 by itself lets it become 4.
  expect(Number(stdout)).toBeLessThan(2.5);
});
