import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createConnection } from "mysql2/promise";
import { inject } from "vitest";
import { readEnv } from "../../platform/env.ts";
import { ensureKeys } from "../../platform/keys.ts";
import { buildIfStale } from "../../supervisor/build.ts";
import { ADMIN_PASSWORD } from "./platform.ts";
import { killAll, processesIn } from "./processes.ts";
import { freePorts } from "./services/servers.ts";
import { startProgram, type Started } from "./started.ts";
import type { TestServices } from "./services/context.ts";
import { until } from "./until.ts";

/** One role of a platform that runs on its own, with a data folder that no other role sees. */
export interface Role {
  folder: string;
  process: Started;
}

/** A platform of separate roles, as in production: two APIs and two workers on servers that others keep. */
export interface Roles {
  /** What all of them work in. */
  folder: string;
  /** The addresses of the APIs. */
  addresses: string[];
  apis: Role[];
  workers: Role[];
  /** The variables that all roles are given. */
  variables: Record<string, string>;
  databaseUrl: string;
  temporal: TestServices["temporal"];
  /** What SECRET_KEY_FILE and SIGNING_KEYSTORE_PASSWORD_FILE hold. */
  keys: { secretKey: string; keystorePassword: string };
  /** Ends all and removes what they kept. */
  remove(): Promise<void>;
}

/** Starts the roles on the servers of this test run, with a database and a namespace of their own. */
export async function startRoles(given: Record<string, string>): Promise<Roles> {
  const [mysql, redis, s3, temporal] = [
    service("mysql"),
    service("redis"),
    service("s3"),
    service("temporal"),
  ];
  const projectFolder = fileURLToPath(new URL("../..", import.meta.url));
  await buildIfStale({ projectFolder, env: process.env });
  const folder = await mkdtemp(join(tmpdir(), "longhaul-roles-"));
  const suffix = randomBytes(4).toString("hex");
  const database = await createDatabase(mysql.url, suffix);
  const namespace = `${temporal.namespace}-${suffix}`;
  const keys = await makeKeys(join(folder, "keys-of-all"));
  const ports = await freePorts(4);
  const addresses = ports.slice(0, 2).map((port) => `http://127.0.0.1:${port}`);
  const variables = {
    NODE_ENV: "production",
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    S3_ENDPOINT: s3.endpoint,
    S3_REGION: s3.region,
    S3_BUCKET: s3.bucket,
    S3_ACCESS_KEY_ID: s3.accessKeyId,
    S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: namespace,
    PUBLIC_URL: addresses[0]!,
    ADMIN_PASSWORD,
    LIMIT_REQUESTS: "1000000/60",
    SHUTDOWN_GRACE: "5s",
    LONGHAUL_DATA: join(folder, "operator"),
    ...keys.variables,
    ...given,
  };
  const run = async (script: string, name: string, more: Record<string, string> = {}) => {
    const own = { ...variables, LONGHAUL_DATA: join(folder, name), ...more };
    return { folder: own.LONGHAUL_DATA, process: await startProgram(node(script), own) };
  };
  const runToItsEnd = async (script: string) => {
    const { process } = await run(script, "operator");
    const code = await process.ended;
    if (code !== 0) throw new Error(`${script} ended with ${code}:\n${process.said()}`);
  };
  const everything: Role[] = [];
  const start = async (script: string, name: string, more: Record<string, string>) => {
    const role = await run(script, name, more);
    everything.push(role);
    return role;
  };

  const remove = async () => {
    await until(async () => {
      const left = await processesIn(folder);
      killAll(left);
      return left.length === 0;
    });
    await database.drop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    for (const script of ["migrate", "prepare", "namespace"]) {
      await runToItsEnd(`scripts/${script}.js`);
    }
    const apis = await Promise.all(
      ports.slice(0, 2).map((port, at) => start("api/server.js", `api-${at}`, { PORT: `${port}` })),
    );
    const workers = await Promise.all(
      ports
        .slice(2)
        .map((port, at) =>
          start("workers/main.js", `worker-${at}`, { WORKER_METRICS_PORT: `${port}` }),
        ),
    );
    await Promise.all([
      ...apis.map(({ process }) => process.saying(/api listens/)),
      ...workers.map(({ process }) => process.saying(/worker is ready/)),
    ]);
    const { secretKey, keystorePassword } = keys;
    return {
      folder,
      addresses,
      apis,
      workers,
      variables,
      databaseUrl: database.url,
      temporal: { address: temporal.address, namespace },
      keys: { secretKey, keystorePassword },
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

function service<Name extends "mysql" | "redis" | "s3" | "temporal">(name: Name) {
  const found = inject(name);
  if (!found) throw new Error(`This tier of tests is run without ${name}: see vitest.config.ts.`);
  return found as TestServices[Name];
}

const node = (script: string) => [process.execPath, "--enable-source-maps", `dist/${script}`];

/** Keys as an operator makes them beforehand: what is secret reaches the roles by file. */
async function makeKeys(folder: string) {
  await mkdir(folder);
  const { secretKey, signing } = await ensureKeys(readEnv({ LONGHAUL_DATA: folder }));
  if (!signing) throw new Error("keytool is missing: the tests install it before they begin");
  const { keystore, password, alias } = signing;
  return {
    secretKey,
    keystorePassword: password,
    variables: {
      SECRET_KEY_FILE: join(folder, "keys", "secret-key"),
      SIGNING_KEYSTORE: keystore,
      SIGNING_KEYSTORE_PASSWORD_FILE: join(folder, "keys", "signing-password"),
      SIGNING_KEY_ALIAS: alias,
    },
  };
}

async function createDatabase(server: string, suffix: string) {
  const url = new URL(server);
  const name = `${url.pathname.slice(1)}_${suffix}`;
  const query = async (sql: string) => {
    const connection = await createConnection(server);
    await connection.query(sql);
    await connection.end();
  };
  await query(`CREATE DATABASE ${name}`);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => query(`DROP DATABASE ${name}`) };
}
