import { hostname } from "node:os";
import { forgetWorkers } from "../models/operations.ts";
import { readEnv } from "../platform/env.ts";
import { runProcess } from "../platform/shutdown.ts";
import { tell } from "../platform/supervised.ts";
import { prepareDatabase, sentenceOf } from "./preparation.ts";

// What must be there before the API starts: all tables, and the first administrator. A supervisor
// hears the password over its channel; it is in no log. By hand, whoever runs this sees it once.
await runProcess("database", async () => {
  const { signIn } = await prepareDatabase(readEnv(), (database) =>
    // A supervisor starts everything anew: what was killed a moment ago does not make the platform ready.
    process.connected ? forgetWorkers(database, hostname()) : Promise.resolve(),
  );
  if (process.connected) tell({ type: "prepared", signIn, warnings: [] });
  else if (signIn) console.log(sentenceOf(signIn));
  process.disconnect?.();
});
