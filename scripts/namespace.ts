import { BadConfiguration, EXIT_CONFIGURATION, readEnv } from "../platform/env.ts";
import { ensureNamespace, RETENTION_DAYS } from "../platform/namespaces.ts";
import { openTemporalClient } from "../platform/temporal.ts";

/** Sets up the namespace of a Temporal server that is not ours to start: retention and search attributes. */
async function main(): Promise<void> {
  const env = readEnv();
  const temporal = openTemporalClient(env);
  try {
    const wish = { namespace: env.TEMPORAL_NAMESPACE, retentionDays: RETENTION_DAYS };
    for (const warning of await ensureNamespace(temporal.client.connection, wish))
      console.warn(warning);
    console.log(`Namespace ${env.TEMPORAL_NAMESPACE} is there.`);
  } finally {
    await temporal.close();
  }
}

await main().catch((error: unknown) => {
  const known = error instanceof BadConfiguration;
  console.error(known ? error.message : error);
  process.exitCode = known ? EXIT_CONFIGURATION : 1;
});
