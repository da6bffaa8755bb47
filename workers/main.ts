import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Logger } from "pino";
import { WorkflowNotFoundError } from "@temporalio/client";
import { NativeConnection, Runtime, Worker, type RuntimeOptions } from "@temporalio/worker";
import { createActivities } from "../activities/index.ts";
import type { ReportProgress } from "../domain/feeds.ts";
import { workflowId } from "../domain/ids.ts";
import { QUEUES, type Queue } from "../domain/queues.ts";
import { type CardLooks, createCardLooks } from "../activities/cards/index.ts";
import type { AccountTools } from "../activities/accounts/tools.ts";
import type { PackageTools } from "../activities/packages/tools.ts";
import type { GateTools } from "../activities/gates/index.ts";
import type { ProxyTools } from "../activities/proxies/tools.ts";
import type { WebhookTools } from "../activities/webhooks/tools.ts";
import { type Announce, openDatabase, type Database } from "../models/database.ts";
import { fetchUnderWay } from "../models/downloads/index.ts";
import { MODELS } from "../models/index.ts";
import { readArchive } from "../platform/archive.ts";
import { readEntries } from "../platform/archive-entries.ts";
import { openMessages } from "../platform/messages/index.ts";
import { openPayments } from "../platform/payments/index.ts";
import { readPlist } from "../platform/plist.ts";
import { databasePlace } from "../platform/database-place.ts";
import { deriveKey, seal, unseal } from "../platform/crypto.ts";
import { openEdge } from "../platform/edge/index.ts";
import { readEnv, type Env } from "../platform/env.ts";
import { keepHeapTight } from "../platform/heap.ts";
import { openProxySource } from "../platform/proxy-source.ts";
import { usualGates } from "../platform/env-proxies.ts";
import { createRedactor } from "../platform/redaction.ts";
import { readReferences, referenceNames } from "../platform/references.ts";
import { openResources, type Resources } from "../platform/resources.ts";
import { openSchedules } from "../platform/schedules.ts";
import { openShell, type Shell } from "../platform/shell.ts";
import { openStepLog } from "../platform/step-log.ts";
import { readSignatures } from "../platform/signatures.ts";
import { type OnStop, runProcess } from "../platform/shutdown.ts";
import { tellReady } from "../platform/supervised.ts";
import { connectionOptions } from "../platform/temporal.ts";
import { readVersion } from "../platform/version.ts";
import { openMedia } from "./media.ts";
import { findCapabilities, findTools, NO_TOOLS } from "./capabilities.ts";
import { startChores } from "./chores.ts";
import { nameCaller, sayAlive } from "./interceptors/activity.ts";
import { openProgress } from "./progress.ts";
import { startRelay } from "./relay.ts";
import { applySchedules } from "./schedules.ts";

/** Fits a worker of about one GiB; a workflow that is not cached is replayed. */
const CACHED_WORKFLOWS = 300;
/** How many addresses that users gave are waited for at a time. */
const OUTBOUND_SLOTS = 50;
/** Beyond the grace, how long a cancelled activity may take to say so. */
const FORCE_SECONDS = 3;
/** The SDK warns of what is our intention: each queue serves one kind of task. */
const USUAL = /^No (activities|workflows|Nexus services) registered/;

await runProcess("worker", async (onStop) => {
  keepHeapTight();
  const env = readEnv();
  const resources = await openResources(env, "worker");
  const { log } = resources;
  onStop(() => resources.close());
  const announce: Announce = (event) => resources.bus.announce(event);
  const database = await openDatabase({ ...databasePlace(env), define: MODELS, announce });
  onStop(() => database.close());
  const reportProgress = progressOf(database, log, onStop);

  const shell = await shellOf(env, log);
  const queues = env.WORKER_QUEUES;
  const builds = queues.includes(QUEUES.build);
  const capabilities = builds ? await findCapabilities(env, resources.keys, shell) : NO_TOOLS;

  installRuntime(env, resources);
  const connection = await NativeConnection.connect(connectionOptions(env));
  onStop(() => connection.close());
  const messages = await openMessages(env.messages, env.dataFolder, env.publicUrl);
  onStop(() => messages.close());
  const payments = openPayments(env.payments, env.publicUrl);
  onStop(() => payments.close());
  const media = await openMedia(env, resources, database, shell);
  onStop(() => media.close());
  const activities = createActivities({
    payments,
    ...media.tools,
    reportProgress,
    ...accountTools(resources, database, messages.send),
    cardCodes: resources.cardCodes,
    cardRestoreSeconds: env.CARD_RESTORE,
    cardResultsSeconds: env.CARD_RESULTS,
    ...packageTools(env, resources, database, shell),
    ...gateTools(env, resources, database),
    ...proxyTools(env, resources, database),
    ...webhookTools(resources, database),
  });
  const looks = createCardLooks({ database });
  const workers = await Promise.all(
    queues.map((queue) => openWorker(queue, env, connection, { activities, looks })),
  );
  const running = Promise.all(workers.map((worker) => worker.run()));
  onStop(async () => {
    for (const worker of workers) if (worker.getState() === "RUNNING") worker.shutdown();
    await running;
  });

  const id = `${hostname()}/${queues.join(",")}`;
  const known = builds ? referenceNames(readReferences(env, resources.keys), env) : [];
  const warnings = () => [...capabilities.warnings, ...media.warnings()];
  const report = { ...capabilities, id, queues, knownReferences: known };
  const tools = async () => [...(builds ? await findTools(shell) : []), ...media.found()];
  onStop(await startChores({ ...resources, database }, { report, warnings, tools }));
  if (queues.includes(QUEUES.orchestrator)) {
    await applySchedules(resources.temporal);
    onStop(startRelay({ ...resources, database }));
  }
  log.info({ queues, sandbox: shell.sandbox }, "worker is ready");
  tellReady();
  await running;
});

function shellOf({ dataFolder, PATH }: Env, log: Logger): Promise<Shell> {
  return openShell({
    scratchFolder: join(dataFolder, "scratch"),
    runFolder: join(dataFolder, "run"),
    path: PATH,
    hidden: [dataFolder],
    log: (message, fields) => log.warn(fields, message),
  });
}

function progressOf(database: Database, log: Logger, onStop: OnStop): ReportProgress {
  const progress = openProgress({ database, log });
  onStop(() => progress.close());
  return progress.report;
}

/** What the activities of packages work with. */
function packageTools(
  env: Env,
  resources: Resources,
  database: Database,
  shell: Shell,
): Omit<PackageTools, "reportProgress"> {
  const references = readReferences(env, resources.keys);
  const secrets = [...secretsOf(env, resources), ...Object.values(references.secrets)];
  return {
    ...resources,
    database,
    shell,
    edge: openEdge(env.edge),
    schedules: openSchedules(resources.temporal),
    openStepLog,
    readArchive,
    readEntries,
    readPlist,
    readSignatures,
    // A new one for each text: a redactor remembers that it is inside a private key.
    redact: (text) => createRedactor(secrets)(text),
    settings: {
      scanSignatures: env.SCAN_SIGNATURES,
      hardenCommand: env.HARDEN_COMMAND,
      references,
      publicUrl: env.publicUrl,
      publicationCheckUrl: env.publicationCheckUrl,
      secrets,
    },
  };
}

/** What the activities of accounts work with. */
function accountTools(
  { keys }: Resources,
  database: Database,
  sendMessage: AccountTools["sendMessage"],
): AccountTools {
  return { database, sendMessage, unseal: unsealer(keys.secretKey) };
}

/** What the activities of gates work with. */
function gateTools(env: Env, { temporal }: Resources, database: Database): GateTools {
  return {
    database,
    usualGates: usualGates(env),
    async tellGateOpened(holder) {
      const shared = await fetchUnderWay(holder);
      const waiting = temporal.workflow.getHandle(shared ?? workflowId("download", holder));
      try {
        await waiting.signal("gateOpened");
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },
  };
}

/** What the activities of proxies work with. */
function proxyTools(env: Env, { keys }: Resources, database: Database): ProxyTools {
  const { PROXY_API_URL: url, PROXY_API_KEY: apiKey, OUTBOUND_ALLOW: opened } = env;
  const key = deriveKey(keys.secretKey, "columns");
  return {
    database,
    proxySource: url ? openProxySource({ url, key: apiKey, opened }) : undefined,
    seal: (text, place) => seal(key, text, place),
  };
}

/** What the activities of webhooks work with. */
function webhookTools({ keys, outbound }: Resources, database: Database): WebhookTools {
  return { database, outbound, unseal: unsealer(keys.secretKey), version: readVersion() };
}

function unsealer(secretKey: string): WebhookTools["unseal"] {
  const key = deriveKey(secretKey, "columns");
  return (sealed, place) => unseal(key, sealed, place);
}

/** What the queues serve: `looks` run inside the workflows' own worker, and in no other. */
interface Served {
  activities: ReturnType<typeof createActivities>;
  looks: CardLooks;
}

/** One queue: workflows run on the orchestrator alone, activities on the others. */
function openWorker(
  queue: Queue,
  env: Env,
  connection: NativeConnection,
  { activities, looks }: Served,
): Promise<Worker> {
  const options = {
    connection,
    namespace: env.TEMPORAL_NAMESPACE,
    taskQueue: queue,
    shutdownGraceTime: env.SHUTDOWN_GRACE * 1000,
    // An activity hears that it is cancelled when it says that it lives.
    maxHeartbeatThrottleInterval: "1 second" as const,
    shutdownForceTime: (env.SHUTDOWN_GRACE + FORCE_SECONDS) * 1000,
    interceptors: { activity: [nameCaller, sayAlive] },
  };
  switch (queue) {
    case "orchestrator":
      return Worker.create({
        ...options,
        workflowBundle: {
          codePath: fileURLToPath(new URL("../workflow-bundle.js", import.meta.url)),
        },
        activities: looks,
        enableNonLocalActivities: false,
        maxCachedWorkflows: CACHED_WORKFLOWS,
        stickyQueueScheduleToStartTimeout: "2 seconds",
      });
    case "io":
      return Worker.create({ ...options, activities });
    case "outbound":
      return Worker.create({
        ...options,
        activities,
        maxConcurrentActivityTaskExecutions: OUTBOUND_SLOTS,
      });
    case "build":
      return Worker.create({
        ...options,
        activities,
        maxConcurrentActivityTaskExecutions: env.BUILD_SLOTS,
      });
    case "download":
      return Worker.create({
        ...options,
        activities,
        maxConcurrentActivityTaskExecutions: env.DOWNLOAD_SLOTS,
      });
  }
}

type Level = "trace" | "debug" | "info" | "warn" | "error";

function installRuntime(env: Env, { log }: Resources): void {
  const { WORKER_METRICS_PORT: port, HOST: host } = env;
  const telemetryOptions: RuntimeOptions["telemetryOptions"] = {
    logging: { forward: {}, filter: { core: "WARN", other: "WARN" } },
    ...(port !== undefined && {
      metrics: {
        prometheus: {
          bindAddress: `${host}:${port}`,
          countersTotalSuffix: true,
          useSecondsForDurations: true,
        },
      },
    }),
  };
  const at =
    (level: Level) =>
    (message: string, fields: object = {}) =>
      log[USUAL.test(message) ? "debug" : level](fields, message);
  Runtime.install({
    telemetryOptions,
    // Signals are ours to handle: the supervisor may send them twice.
    shutdownSignals: [],
    logger: {
      log: (level, message, fields = {}) => at(level.toLowerCase() as "info")(message, fields),
      trace: at("trace"),
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
    },
  });
}

/** The values that must never stand in a step's log. */
function secretsOf(env: Env, { keys }: Resources): string[] {
  const secrets = [
    keys.secretKey,
    keys.signing?.password,
    env.S3_SECRET_ACCESS_KEY,
    env.CLOUDFLARE_API_TOKEN,
    env.ALIYUN_SMS_ACCESS_KEY_SECRET,
    env.SMTP_URL,
    env.ALIPAY_PRIVATE_KEY,
    env.PROXY_API_KEY,
    env.PROXY_API_URL,
    env.ADMIN_PASSWORD,
    env.DATABASE_URL,
    env.REDIS_URL,
    ...env.CARD_KEYS.map(({ secret }) => secret),
  ];
  return secrets.filter((secret) => secret !== undefined);
}
