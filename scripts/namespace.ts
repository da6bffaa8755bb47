import { readEnv } from "../platform/env.ts";
import { ensureNamespace, RETENTION_DAYS } from "../platform/namespaces.ts";
import { runProcess } from "../platform/shutdown.ts";
import { tell } from "../platform/supervised.ts";
import { openTemporalClient } from "../platform/temporal.ts";

// What must be there before the worker starts, on a server of ours or of somebody else: the namespace
// with its retention and search attributes. `npm start` runs it; so does whoever operates a server.
await runProcess("namespace", async () => {
  const env = readEnv();
  const temporal = openTemporalClient(env);
  try {
    const wish = { namespace: env.TEMPORAL_NAMESPACE, retentionDays: RETENTION_DAYS };
    const warnings = await ensureNamespace(temporal.client.connection, wish);
    for (const warning of warnings) console.warn(warning);
    console.log(`Namespace ${env.TEMPORAL_NAMESPACE} is there.`);
    tell({ type: "prepared", warnings });
  } finally {
    await temporal.close();
    process.disconnect?.();
  }
});
