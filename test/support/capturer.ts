import { captureHold, type CaptureOrder, inLedger } from "../../models/billing/index.ts";
import { type DatabasePlace, openDatabase } from "../../models/database.ts";
import { MODELS } from "../../models/index.ts";

// A process of its own that charges for one hold after the other, and ends as by kill -9 where it is told to.
const [place, captures, end] = process.argv.slice(2) as [string, string, string];
const dieAt = (point: string) => {
  if (point === end) process.kill(process.pid, "SIGKILL");
};

const database = await openDatabase({ ...(JSON.parse(place) as DatabasePlace), define: MODELS });
console.log("begins");
for (const order of JSON.parse(captures) as CaptureOrder[]) {
  dieAt("before it writes");
  await inLedger(database, async (transaction) => {
    await captureHold(order, transaction);
    dieAt("before it commits");
  });
  dieAt("after it committed");
}
await database.close();
