import { type DatabasePlace, inTransaction, openDatabase } from "../../models/database.ts";
import { MODELS } from "../../models/index.ts";
import { nextSerial } from "../../models/operations.ts";

// A process of its own that takes numbers out of one counter, as fast as it can.
const [place, times] = process.argv.slice(2) as [string, string];
const database = await openDatabase({ ...(JSON.parse(place) as DatabasePlace), define: MODELS });
await Promise.all(
  Array.from({ length: Number(times) }, () =>
    inTransaction(database, (transaction) => nextSerial("shared", transaction)),
  ),
);
await database.close();
