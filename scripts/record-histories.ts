import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Client, Connection } from "@temporalio/client";
import { historyToJSON } from "@temporalio/common/lib/proto-utils.js";
import { TestWorkflowEnvironment } from "@temporalio/testing";
import { NativeConnection } from "@temporalio/worker";
import { QUEUES } from "../domain/queues.ts";
import { historyFile } from "../test/support/histories.ts";
import { HISTORY_CASES, type HistoryCase } from "../test/support/history-cases.ts";
import { addSearchAttributes } from "../test/support/search-attributes.ts";
import { workflowBundle } from "../test/support/services/bundle.ts";
import { prepareEnvironment } from "../test/support/services/environment.ts";
import { runName } from "../test/support/services/runs.ts";
import { timeSkippingServer } from "../test/support/services/time-skipping.ts";
import {
  createNamespace,
  deleteNamespaces,
  temporalAddress,
} from "../test/support/services/temporal.ts";
import { quietRuntime, runWorkers, type Stage } from "../test/support/workers.ts";

/**
 * Records the histories that are replayed in every test run. A history once committed stands for workflows that
 * run somewhere: without arguments only missing ones are recorded; `npm run histories -- packageBuild/built`
 * records that one anew.
 */
prepareEnvironment();
quietRuntime();
const named = process.argv.slice(2);
const nameOf = ({ workflow, name }: HistoryCase) => `${workflow}/${name}`;
const unknown = named.filter((name) => !HISTORY_CASES.some((one) => nameOf(one) === name));
if (unknown.length > 0) throw new Error(`There is no case ${unknown.join(", ")}.`);
const wanted = HISTORY_CASES.filter((one) =>
  named.length > 0 ? named.includes(nameOf(one)) : !existsSync(historyFile(one)),
);

const [address, codePath] = await Promise.all([temporalAddress(), workflowBundle()]);
const [clientConnection, connection] = await Promise.all([
  Connection.connect({ address }),
  NativeConnection.connect({ address }),
]);
const run = runName("-");
// Without an identity of ours the history would carry the name of this machine.
const identity = "recording";
for (const [index, one] of wanted.entries()) {
  if (one.skipsTime) {
    await recordSkipping(one);
  } else {
    const namespace = `${run}-${index}`;
    await createNamespace(address, namespace);
    const client = new Client({ connection: clientConnection, namespace, identity });
    await record(one, { client, connection, namespace, codePath }, setTimeout);
  }
  console.log(`recorded ${nameOf(one)}`);
}
await deleteNamespaces(address, run);
await Promise.all([clientConnection.close(), connection.close()]);

async function recordSkipping(one: HistoryCase): Promise<void> {
  const path = await timeSkippingServer();
  const environment = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: "existing-path", path } },
    client: { identity },
  });
  try {
    const { client, nativeConnection } = environment;
    const { namespace } = client.options;
    await addSearchAttributes(environment.connection, namespace);
    const stage = { client, connection: nativeConnection, namespace, codePath };
    await record(one, stage, environment.sleep);
  } finally {
    await environment.teardown();
  }
}

async function record(
  one: HistoryCase,
  stage: Stage,
  sleep: Parameters<HistoryCase["live"]>[2],
): Promise<void> {
  const history = await runWorkers(stage, Object.values(QUEUES), one.activities(), async () => {
    const handle = await one.live(stage.client, `recorded/${nameOf(one)}`, sleep);
    return handle.fetchHistory();
  });
  const file = historyFile(one);
  await mkdir(dirname(file), { recursive: true });
  // Stack traces name this machine's folders; where the project lies is nobody's business.
  const told = historyToJSON(history).replaceAll(`${process.cwd()}/`, "");
  await writeFile(file, `${told}\n`);
}
