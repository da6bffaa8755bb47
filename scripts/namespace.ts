import { readEnv } from "../platform/env.ts";
import { prepareNamespace } from "../platform/namespaces.ts";
import { runProcess } from "../platform/shutdown.ts";
import { tell } from "../platform/supervised.ts";

// What must be there before the worker starts, on a server of ours or of somebody else: the namespace
// with its retention and search attributes. `npm start` runs it; so does whoever operates a server.
await runProcess("namespace", async () => {
  const env = readEnv();
  const warnings = await prepareNamespace(env);
  for (const warning of warnings) console.warn(warning);
  console.log(`Namespace ${env.TEMPORAL_NAMESPACE} is there.`);
  tell({ type: "prepared", warnings });
  process.disconnect?.();
});
