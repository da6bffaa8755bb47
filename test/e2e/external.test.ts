import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, Connection } from "@temporalio/client";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { openDatabase } from "../../models/database.ts";
import { MODELS } from "../../models/index.ts";
import { countEach, raceForCard } from "../support/card-race.ts";
import { readTables } from "../support/leftovers.ts";
import { openClient, signIn } from "../support/package-client.ts";
import { ADMIN_PASSWORD } from "../support/platform.ts";
import { processesIn } from "../support/processes.ts";
import { makeMarkedApk, rigTools, type RiggedTools } from "../support/rigged-tools.ts";
import { type Roles, startRoles } from "../support/roles.ts";
import { type Listening, listenOn } from "../support/sockets.ts";
import { startProgram } from "../support/started.ts";
import {
  describeProcessing,
  describePublication,
  describeSecrets,
  type Installation,
} from "../support/suites/whole-platform/index.ts";
import { until } from "../support/until.ts";

// The same product on servers that others keep: MariaDB, Redis, S3, Temporal. Two APIs, two workers, no shared disk.

let toolFolder: string;
let tools: RiggedTools;
let roles: Roles;
let connection: Connection;
let installation: Installation;

beforeAll(async () => {
  toolFolder = await mkdtemp(join(tmpdir(), "longhaul-tools-"));
  tools = await rigTools(toolFolder);
  roles = await startRoles(tools.variables);
  const { address, namespace } = roles.temporal;
  connection = await Connection.connect({ address });
  const client = await openClient(
    roles.addresses,
    await signIn(roles.addresses[1]!, ADMIN_PASSWORD),
  );
  const [apiKey, accessToken, refreshToken] = client.secrets;
  installation = {
    client,
    tools,
    temporal: new Client({ connection, namespace }),
    folder: roles.folder,
    password: ADMIN_PASSWORD,
    secrets: {
      "the API key": apiKey!,
      "the access token": accessToken!,
      "the refresh token": refreshToken!,
      "the administrator's password": ADMIN_PASSWORD,
      "the secret key": roles.keys.secretKey,
      "the keystore's password": roles.keys.keystorePassword,
      "the database's password": new URL(roles.databaseUrl).password,
      "the secret of S3": inject("s3")!.secretAccessKey,
    },
    async readEverything() {
      const database = await openDatabase({ url: roles.databaseUrl, define: MODELS });
      try {
        const logs = [...roles.apis, ...roles.workers].map(({ process }) => process.said());
        return { logs: logs.join("\n"), database: await readTables(database) };
      } finally {
        await database.close();
      }
    },
    async renewPassword() {
      const run = await startProgram(["npm", "run", "admin:password"], roles.variables);
      await run.ended;
      return run.said();
    },
  };
});

afterAll(async () => {
  await connection?.close();
  await roles?.remove();
  await rm(toolFolder, { recursive: true, force: true });
});

afterEach(async () => {
  await tools.letGo();
  await tools.repairHardener();
});

describeProcessing(() => installation);
describePublication(() => installation);
describeSecrets(() => installation);

describe("the roles", () => {
  test("keep nothing on their own disks that another would need", async () => {
    const { client } = installation;
    await tools.hold();
    const order = await client.upload(await makeMarkedApk("hold-in-apksigner"), "changes hands");
    const busy = async () => {
      for (const worker of roles.workers) {
        const words = (await processesIn(worker.folder)).flatMap((one) => one.arguments);
        if (words.some((word) => word.endsWith("/apksigner"))) return worker;
      }
    };
    await until(async () => (await busy()) !== undefined);
    const lost = (await busy())!;

    process.kill(lost.process.pid, "SIGKILL");
    await rm(lost.folder, { recursive: true, force: true });
    await tools.letGo();

    const run = await client.succeeds(order);
    expect(run.steps.find(({ name }) => name === "sign")!.attempts).toBe(2);
  });

  test("give a card to one of 200 machines that race for it at two APIs", async () => {
    const answers = await raceForCard(roles.addresses, installation.password);

    expect(countEach(answers)).toEqual({ "200 授权成功": 1, "403 机器码不匹配": 199 });
  });

  test("tell sockets at both APIs all of a run, in one order, and count an account's connections together", async () => {
    const { accessToken } = await signIn(roles.addresses[0]!, installation.password);
    const listen = (address: string) =>
      listenOn(address, "/ws", { protocols: ["bearer", accessToken] });
    const clients = roles.addresses.map(listen);
    for (const client of clients) await client.until(2);
    const { client } = installation;
    const order = await client.upload(await makeMarkedApk("is-followed"), "is followed");
    const told = ({ heard }: Listening) =>
      heard.filter(({ event, data }) => data["task_id"] === order.run && event !== "task:progress");
    const ends = (one: Listening) => told(one).some(({ event }) => event === "task:completed");
    await until(() => Promise.resolve(clients.every(ends)));

    const [one, other] = clients.map((client) =>
      told(client).map(({ event, seq }) => [event, seq]),
    );
    expect(one).toEqual(other);
    expect(one!.length).toBeGreaterThan(10);

    const crowd = Array.from({ length: 60 }, (_, index) => listen(roles.addresses[index % 2]!));
    const codes = await Promise.all(
      crowd.map((client) =>
        Promise.race([client.until(2).then(() => 0), client.closed.then(({ code }) => code)]),
      ),
    );
    expect(codes.filter((code) => code === 4429)).toHaveLength(12);
    expect(codes.filter((code) => code === 0)).toHaveLength(48);
  });

  test("share limits and revocations: what one API was told holds at the other within a second", async () => {
    const [one, other] = roles.addresses as [string, string];
    const post = (address: string, path: string, json: object, token = "") =>
      fetch(`${address}/api/v1${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
        body: JSON.stringify(json),
      });
    const keysAt = async (address: string, headers: Record<string, string>) =>
      (await fetch(`${address}/api/v1/packages`, { headers })).status;
    const { accessToken, refreshToken } = await signIn(one, installation.password);
    const bearer = { authorization: `Bearer ${accessToken}` };
    const key = { name: "short", scopes: ["packages:read"] };
    const made = await post(one, "/api-keys", key, accessToken);
    const { id, key: apiKey } = (await made.json()) as { id: string; key: string };
    expect(await keysAt(other, bearer)).toBe(200);
    expect(await keysAt(other, { "x-api-key": apiKey })).toBe(200);

    await fetch(`${one}/api/v1/api-keys/${id}`, { method: "DELETE", headers: bearer });
    await post(one, "/auth/logout", { refresh_token: refreshToken });
    await sleep(1000);
    const afterwards = [await keysAt(other, { "x-api-key": apiKey }), await keysAt(other, bearer)];

    const guess = { username: "nobody", password: "wrong horse" };
    const statuses: number[] = [];
    for (const address of [one, other, one, other, one, other, one]) {
      statuses.push((await post(address, "/auth/login", guess)).status);
    }

    expect(afterwards).toEqual([403, 401]);
    // Neither of them has been asked five times.
    expect([statuses[0], ...statuses.slice(-2)]).toEqual([401, 429, 429]);
  });

  test("end by themselves when they are told to, and leave no file", async () => {
    const running = await processesIn(roles.folder);
    const all = [...roles.apis, ...roles.workers].filter(({ process }) =>
      running.some(({ pid }) => pid === process.pid),
    );

    for (const { pid } of all.map((role) => role.process)) process.kill(pid, "SIGTERM");

    const codes = await Promise.all(all.map((role) => role.process.ended));
    expect(codes).toEqual(all.map(() => 0));
    expect(await processesIn(roles.folder)).toEqual([]);
    for (const { folder } of [...roles.apis, ...roles.workers]) {
      const names = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
      expect(names.filter((entry) => entry.isFile()).map(({ name }) => name)).toEqual([]);
    }
  });
});
