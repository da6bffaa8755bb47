import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { z } from "zod";
import { runProgram } from "../platform/programs.ts";
import { prepareEverything } from "../test/support/services/all.ts";
import { workflowBundle } from "../test/support/services/bundle.ts";
import { prepareEnvironment } from "../test/support/services/environment.ts";
import { type Part, PARTS, type Tier } from "./test-parts.ts";

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

interface Ended extends Counts {
  output: string;
  seconds: number;
}

/** Of what vitest's json reporter writes, what is counted. */
const Report = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
  testResults: z.array(z.object({ status: z.string(), assertionResults: z.array(z.unknown()) })),
});

/** A part that is still not done then hangs. */
const PART_MS = 3_600_000;

const tier = z.enum(["full", "fast", "long"]).safeParse(process.argv[2] ?? "full");
if (tier.success) await runTier(tier.data);
else {
  console.error("Say npm test, npm test -- fast, or npm test -- long.");
  process.exitCode = 2;
}

/** Runs every part of the tier to the end, whatever fails, and gives one verdict in the last line. */
async function runTier(tier: Tier): Promise<void> {
  prepareEnvironment();
  process.env["PATH"] = `${resolve("node_modules/.bin")}${delimiter}${process.env["PATH"]}`;
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => {
      stop.abort();
      // Servers end with this process.
      process.exit(130);
    });
  }
  const reports = mkdtempSync(join(tmpdir(), "longhaul-reports-"));
  process.once("exit", () => rmSync(reports, { recursive: true, force: true }));

  const prepared = tier === "fast" ? workflowBundle().catch(() => "") : prepareEverything();
  const sum: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const part of PARTS[tier]) {
    if (part.projects) await prepared;
    const ended = await runPart(part, join(reports, "report.json"), stop.signal);
    sum.passed += ended.passed;
    sum.failed += ended.failed;
    sum.skipped += ended.skipped;
    print(part, ended);
  }

  if (sum.failed > 0 || (sum.skipped > 0 && tier === "full")) process.exitCode = 1;
  // Servers say where their logs are when they end; the verdict comes after that.
  process.once("exit", () => console.log(inWords(sum)));
}

async function runPart(part: Part, report: string, signal: AbortSignal): Promise<Ended> {
  const began = performance.now();
  const lines: string[] = [];
  const [command = "", ...args] = part.check ?? vitest(part, report);
  rmSync(report, { force: true });
  const good = await runProgram(command, args, {
    env: process.env,
    timeoutMs: PART_MS,
    signal,
    onLine: (line) => lines.push(line),
  }).then(
    () => true,
    (error: Error) => {
      if (lines.length === 0) lines.push(error.message);
      return false;
    },
  );
  const counts = part.check ? countCheck(good) : await countTests(report, good, lines);
  const seconds = (performance.now() - began) / 1000;
  return { ...counts, output: lines.join("\n"), seconds };
}

function vitest({ projects = [], files = [] }: Part, report: string): string[] {
  const chosen = projects.flatMap((project) => ["--project", project]);
  const reporters = ["--reporter=dot", "--reporter=json", `--outputFile.json=${report}`];
  return ["vitest", "run", ...chosen, ...files, ...reporters, "--silent=passed-only"];
}

function countCheck(good: boolean): Counts {
  return { passed: good ? 1 : 0, failed: good ? 0 : 1, skipped: 0 };
}

/** A part that ran no test has failed, and so has one that ended badly although no test did. */
async function countTests(report: string, good: boolean, lines: string[]): Promise<Counts> {
  const read = await readFile(report, "utf8").catch(() => undefined);
  if (read === undefined) return countCheck(false);
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } =
    Report.parse(JSON.parse(read));
  const unloadable = testResults.filter(
    ({ status, assertionResults }) => status === "failed" && assertionResults.length === 0,
  );
  const counts = {
    passed: numPassedTests,
    failed: numFailedTests + unloadable.length,
    skipped: numPendingTests + numTodoTests,
  };
  if (counts.passed + counts.failed + counts.skipped === 0) lines.push("No test was run.");
  else if (good || counts.failed > 0) return counts;
  return { ...counts, failed: 1 };
}

function print({ name, check }: Part, ended: Ended): void {
  const bad = ended.failed > 0 || ended.skipped > 0;
  if (bad) console.log(`\n${ended.output}\n`);
  const word = ended.failed > 0 ? "FAILED" : "passed";
  const counted = check ? "" : `: ${inWords(ended)}`;
  console.log(`${word} ${ended.seconds.toFixed(1).padStart(6)} s  ${name}${counted}`);
}

function inWords({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
