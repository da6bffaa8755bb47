import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { type Finding, type Goal, isReached, type Measurement, type Table } from "./measurement.ts";
import { drawBars } from "./plot.ts";
import type { Spread } from "./rounds.ts";

const DOCS = new URL("../docs/", import.meta.url);
const FOLDER = new URL("performance/", DOCS);
const RESULTS = new URL("results.json", FOLDER);

/** What was found of each measurement when it was made last, by its name. */
export type Results = Record<string, Finding & { measuredAt: string; ruler: Spread }>;

/** What earlier runs have found. */
export async function readResults(): Promise<Results> {
  const text = await readFile(RESULTS, "utf8").catch(() => "{}");
  return JSON.parse(text) as Results;
}

/** Writes docs/performance.md, its plots, and the numbers that both are made of. */
export async function writeReport(
  measurements: readonly Measurement[],
  results: Results,
): Promise<string> {
  await rm(FOLDER, { recursive: true, force: true });
  await mkdir(FOLDER);
  const sections: string[] = [];
  for (const { name, title, method } of measurements) {
    const found = results[name];
    if (!found) continue;
    const plots = await Promise.all(
      found.plots.map(async (plot, index) => {
        const file = `${name}${index === 0 ? "" : `-${index + 1}`}.svg`;
        await writeFile(new URL(file, FOLDER), drawBars(plot));
        return `![${plot.title}](performance/${file})`;
      }),
    );
    const made = `Measured ${found.measuredAt.slice(0, 10)}; ${inWords(found.ruler)}`;
    const goals = found.goals.length > 0 ? [goalTable(found.goals)] : [];
    sections.push(
      [`## ${title}`, method, ...goals, markdown(found.table), ...plots, made].join("\n\n"),
    );
  }
  const path = new URL("performance.md", DOCS);
  await writeFile(path, `${INTRODUCTION}\n\n${machine()}\n\n${sections.join("\n\n")}\n`);
  await writeFile(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
  return fileURLToPath(path);
}

const INTRODUCTION = `# Performance

Written by \`npm run bench\`, numbers and plots alike; [results.json](performance/results.json) has them all.
\`npm run bench -- download query\` measures some of it anew, \`-- --quick\` tries everything with little and writes nothing.

A number alone says as much about the machine as about the product, so everything is compared with the least that does
the same: who is compared takes turns, round by round, in one run, so that what disturbs one disturbs all. What serves is
pinned to one core and what asks to another. Compared is the work per CPU second of the serving process, as the kernel
counts it for each of its threads; time on the wall is told beside it. The number is the median of all rounds, and a
goal is a ratio of medians. A ruler, the MD5 of always the same bytes, is measured with every round: where it spreads by
more than a quarter, the machine was too busy for the numbers to mean much.`;

function machine(): string {
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  const cpu = cpus()[0]!.model.replaceAll(/\s+/g, " ");
  return `Machine: ${availableParallelism()} × ${cpu}, ${gibibytes} GiB, Node ${process.version}.`;
}

function inWords({ median, least, most }: Spread): string {
  const percent = Math.round(((most - least) / median) * 100);
  const verdict = percent > 25 ? "too much to trust the numbers" : "a steady machine";
  return `the ruler spread by ${percent} %: ${verdict}.`;
}

function goalTable(goals: readonly Goal[]): string {
  return markdown({
    columns: ["goal", "is to be", "is", ""],
    rows: goals.map((goal) => [
      goal.claim,
      goal.least === undefined ? `≤ ${goal.most}` : `≥ ${goal.least}`,
      goal.value.toFixed(2),
      isReached(goal) ? "reached" : "**missed**",
    ]),
  });
}

/** A table as plain text too: columns as wide as their widest word. */
export function markdown({ columns, rows }: Table): string {
  const cells = [columns, ...rows].map((row) => row.map((cell) => `${cell}`));
  const widths = columns.map((_, at) => Math.max(3, ...cells.map((row) => row[at]!.length)));
  const line = (row: string[]) =>
    `| ${row.map((cell, at) => cell.padEnd(widths[at]!)).join(" | ")} |`;
  const [head, ...body] = cells as [string[], ...string[][]];
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(head), rule, ...body.map(line)].join("\n");
}
