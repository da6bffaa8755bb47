import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { prepareEnvironment } from "../test/support/services/environment.ts";
import { activation } from "./measurements/activation.ts";
import { PROFILES } from "./cards/platform.ts";
import { createStock } from "./cards/stock.ts";
import { cardsExport } from "./measurements/cards-export.ts";
import { cardsLists } from "./measurements/cards-lists.ts";
import { cardsMaking } from "./measurements/cards-making.ts";
import { cardsTimers } from "./measurements/cards-timers.ts";
import { download } from "./measurements/download.ts";
import { fanOut } from "./measurements/fan-out.ts";
import { ledger } from "./measurements/ledger.ts";
import { lists } from "./measurements/lists.ts";
import { media } from "./measurements/media.ts";
import { query } from "./measurements/query.ts";
import { rollback } from "./measurements/rollback.ts";
import { signIn } from "./measurements/sign-in.ts";
import { start } from "./measurements/start.ts";
import { transfers } from "./measurements/transfers.ts";
import { upload } from "./measurements/upload.ts";
import { validate } from "./measurements/validate.ts";
import { workflow } from "./measurements/workflow.ts";
import { isReached, type Measurement } from "./measurement.ts";
import { markdown, readResults, writeReport } from "./report.ts";
import { spreadOf } from "./rounds.ts";

const RULER_BYTES = 64 * 1024 * 1024;

const { values, positionals } = parseArgs({
  options: { quick: { type: "boolean", default: false } },
  allowPositionals: true,
});
const stock = createStock(values.quick ? 20_000 : 1_000_000);
const MEASUREMENTS: readonly Measurement[] = [
  download,
  transfers,
  upload,
  workflow,
  query,
  rollback,
  start,
  lists,
  signIn,
  ledger,
  validate,
  activation,
  fanOut,
  media,
  ...PROFILES.map((profile) => cardsMaking(stock, profile)),
  cardsLists(stock),
  ...PROFILES.map((profile) => cardsExport(stock, profile)),
  cardsTimers,
];
const unknown = positionals.filter((word) => MEASUREMENTS.every(({ name }) => name !== word));
if (unknown.length > 0) {
  const names = MEASUREMENTS.map(({ name }) => name).join(", ");
  console.error(`There is no measurement ${unknown.join(", ")}. There are: ${names}.`);
  process.exitCode = 2;
} else {
  try {
    await measure();
  } finally {
    await stock.end();
  }
}

async function measure(): Promise<void> {
  prepareEnvironment();
  const { quick } = values;
  const results = await readResults();
  for (const { name, title, run } of MEASUREMENTS) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    console.log(title);
    const began = performance.now();
    const rulers = [ruler()];
    const finding = await run({ quick, rounds: quick ? 3 : 5, rule: () => rulers.push(ruler()) });
    results[name] = { ...finding, measuredAt: new Date().toISOString(), ruler: spreadOf(rulers) };
    console.log(markdown(finding.table));
    for (const goal of finding.goals) {
      const word = isReached(goal) ? "reached" : "MISSED";
      console.log(`${word}: ${goal.claim}: ${goal.value.toFixed(2)}`);
    }
    console.log(`${Math.round((performance.now() - began) / 1000)} s\n`);
  }
  if (!quick) console.log(`written: ${await writeReport(MEASUREMENTS, results)}`);
}

/** How many CPU seconds the machine takes now for what never changes. */
function ruler(): number {
  const before = process.cpuUsage();
  createHash("md5").update(Buffer.alloc(RULER_BYTES)).digest();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}
