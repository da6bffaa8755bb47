import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, Connection } from "@temporalio/client";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { countEach, raceForCard } from "../support/card-race.ts";
import { freePorts } from "../support/services/servers.ts";
import { watchArguments } from "../support/processes.ts";
import { openBeside, readLogs, readTables } from "../support/leftovers.ts";
import { ADMIN_PASSWORD, type Platform, makePlatform } from "../support/platform.ts";
import { makeMarkedZip, rigTools, type RiggedTools } from "../support/rigged-tools.ts";
import { startProgram } from "../support/started.ts";
import {
  describeProcessing,
  describePublication,
  describeSecrets,
  type Installation,
} from "../support/suites/whole-platform/index.ts";
import { until } from "../support/until.ts";

// One machine, one command: what `npm start` brings up.

let toolFolder: string;
let tools: RiggedTools;
let platform: Platform;
let connection: Connection;
let installation: Installation;

beforeAll(async () => {
  toolFolder = await mkdtemp(join(tmpdir(), "longhaul-tools-"));
  tools = await rigTools(toolFolder);
  platform = await makePlatform(tools.variables);
  const atStart = watchArguments(platform.folder);
  await platform.start();
  const commandsAtStart = await atStart.stop();
  const { folder, temporalAddress: address } = platform;
  connection = await Connection.connect({ address });
  const client = await platform.open();
  const key = async (name: string) => (await readFile(join(folder, "keys", name), "utf8")).trim();
  const [apiKey, accessToken, refreshToken] = client.secrets;
  installation = {
    client,
    tools,
    temporal: new Client({ connection, namespace: "longhaul" }),
    folder,
    password: ADMIN_PASSWORD,
    secrets: {
      "the API key": apiKey!,
      "the access token": accessToken!,
      "the refresh token": refreshToken!,
      "the administrator's password": ADMIN_PASSWORD,
      "the secret key": await key("secret-key"),
      "the keystore's password": await key("signing-password"),
    },
    async readEverything() {
      const database = await openBeside(platform);
      try {
        const files = ["db/longhaul.sqlite", "db/longhaul.sqlite-wal", "temporal/temporal.db"];
        const bytes = files.map((file) => readFile(join(folder, file), "latin1"));
        return {
          logs: (await readLogs(platform)) + platform.supervisor().said(),
          database: await readTables(database),
          "database files": (await Promise.all(bytes)).join("\n"),
          "arguments at the start": commandsAtStart.join("\n"),
        };
      } finally {
        await database.close();
      }
    },
    async renewPassword() {
      const run = await startProgram(["npm", "run", "admin:password"], platform.variables);
      await run.ended;
      return run.said();
    },
  };
});

afterAll(async () => {
  await connection?.close();
  await platform?.remove();
  await rm(toolFolder, { recursive: true, force: true });
});

afterEach(async () => {
  await tools.letGo();
  await tools.repairHardener();
});

describeProcessing(() => installation);
describePublication(() => installation);
test("a card is one machine's out of 200 that race for it, though a second API serves the same folder", async () => {
  const [port] = await freePorts(1);
  const command = [process.execPath, "--enable-source-maps", "dist/api/server.js"];
  const second = await startProgram(command, { ...platform.variables, PORT: `${port}` });
  try {
    await second.saying(/api listens/);

    const addresses = [platform.address, `http://127.0.0.1:${port}`];
    const answers = await raceForCard(addresses, ADMIN_PASSWORD);

    expect(countEach(answers)).toEqual({ "200 授权成功": 1, "403 机器码不匹配": 199 });
  } finally {
    process.kill(second.pid, "SIGTERM");
  }
  expect(await second.ended).toBe(0);
});

// It makes a new password, with which the one above is over.
describeSecrets(() => installation);

describe("the platform", () => {
  test("ends while a tool takes no notice, leaves no process, and does the step again after the next start", async () => {
    const { client } = installation;
    await tools.hold();
    const order = await client.upload(await makeMarkedZip(["hardener-stubborn"]), "stubborn");
    const works = async () =>
      (await platform.processes()).some(({ arguments: words }) =>
        words.some((word) => word.endsWith("hardener.mjs")),
      );
    await until(works);

    const { code, tookMs } = await platform.stop();

    console.log(`ended after ${tookMs} ms beside a tool that takes no notice`);
    expect(code).toBe(0);
    expect(await platform.processes()).toEqual([]);
    await tools.letGo();
    await platform.start();
    const run = await client.succeeds(order);
    expect(run.steps.find(({ name }) => name === "harden")!.attempts).toBe(2);
  });
});
