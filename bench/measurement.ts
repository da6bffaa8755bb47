/** How much is done: everything, or just enough to see that it works. */
export interface Size {
  quick: boolean;
  /** How often everybody has a turn. */
  rounds: number;
  /** Measures the machine itself: once a round. */
  rule: () => void;
}

/** One thing that is measured; `npm run bench -- <name>` runs it alone. */
export interface Measurement {
  name: string;
  title: string;
  /** What is compared with what, and how; stands above the numbers. */
  method: string;
  run: (size: Size) => Promise<Finding>;
}

/** What a measurement has found. */
export interface Finding {
  goals: Goal[];
  table: Table;
  plots: Plot[];
}

/** A number that something must reach (`least`) or keep to (`most`). */
export interface Goal {
  claim: string;
  value: number;
  least?: number;
  most?: number;
}

export interface Table {
  columns: string[];
  rows: (string | number)[][];
}

/** Bars, one under the other, each with its spread when it has one. */
export interface Plot {
  title: string;
  unit: string;
  bars: { label: string; value: number; least?: number; most?: number }[];
}

/** True when the number is where it has to be. */
export function isReached({ value, least = -Infinity, most = Infinity }: Goal): boolean {
  return value >= least && value <= most;
}
