import type { Plot, Size, Table } from "./measurement.ts";

/** What one turn did, and what it took. */
export interface Effort {
  /** In whatever is counted: GiB, requests, workflows. */
  work: number;
  cpuSeconds: number;
  seconds: number;
}

/** One of those who are compared. */
export interface Contestant {
  name: string;
  /** What comes before the first turn; one turn when not given. */
  warmUp?: () => Promise<unknown>;
  turn: () => Promise<Effort>;
}

/** The middle of some numbers, with the least and the most of them. */
export interface Spread {
  median: number;
  least: number;
  most: number;
}

/** How a contestant did over all rounds. */
export interface Standing {
  name: string;
  perCpuSecond: Spread;
  perSecond: Spread;
}

/** Lets all have their turn in each round, once they are warm: what disturbs one disturbs all. */
export async function compare(
  contestants: readonly Contestant[],
  { rounds, rule }: Size,
): Promise<Standing[]> {
  for (const contestant of contestants) await (contestant.warmUp ?? contestant.turn)();
  const efforts = contestants.map((): Effort[] => []);
  for (let round = 1; round <= rounds; round++) {
    rule();
    for (const [index, { name, turn }] of contestants.entries()) {
      const effort = await turn();
      efforts[index]!.push(effort);
      const rate = effort.work / effort.cpuSeconds;
      console.log(`  ${round}/${rounds} ${name}: ${rounded(rate)} per CPU second`);
    }
  }
  return contestants.map(({ name }, index) => ({
    name,
    perCpuSecond: spreadOf(efforts[index]!.map(({ work, cpuSeconds }) => work / cpuSeconds)),
    perSecond: spreadOf(efforts[index]!.map(({ work, seconds }) => work / seconds)),
  }));
}

export function spreadOf(numbers: readonly number[]): Spread {
  const sorted = numbers.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  const median =
    sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, least: sorted[0]!, most: sorted.at(-1)! };
}

/** The work per CPU second, or per second, of the contestant named first, in that of the other. */
export function ratio(
  standings: readonly Standing[],
  ours: string,
  theirs: string,
  unit: "perCpuSecond" | "perSecond" = "perCpuSecond",
): number {
  const of = (wanted: string) => standings.find(({ name }) => name === wanted)![unit].median;
  return of(ours) / of(theirs);
}

/** Who did how much, in `unit`. */
export function tableOf(standings: readonly Standing[], unit: string): Table {
  return {
    columns: ["", `${unit} per CPU second`, "least – most", `${unit} per second`],
    rows: standings.map(({ name, perCpuSecond, perSecond }) => [
      name,
      rounded(perCpuSecond.median),
      `${rounded(perCpuSecond.least)} – ${rounded(perCpuSecond.most)}`,
      rounded(perSecond.median),
    ]),
  };
}

export function plotOf(standings: readonly Standing[], title: string, unit: string): Plot {
  const bars = standings.map(({ name, perCpuSecond: { median: value, least, most } }) => ({
    label: name,
    value,
    least,
    most,
  }));
  return { title, unit: `${unit} per CPU second`, bars };
}

/** Three digits are more than the machine's noise allows. */
export function rounded(number: number): number {
  return Number(number.toPrecision(3));
}
