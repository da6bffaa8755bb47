import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, inject, onTestFinished, test, vi } from "vitest";
import { createFirstAdministrator } from "../../models/accounts.ts";
import { newId } from "../../platform/crypto.ts";
import { openDiskStore } from "../../platform/objects/disk.ts";
import { createPasswords } from "../../platform/passwords.ts";
import { openPlace } from "../support/database.ts";
import { makeDownload } from "../support/downloads.ts";
import { signIn } from "../support/package-client.ts";
import { ADMIN_PASSWORD } from "../support/platform.ts";
import { freePorts } from "../support/services/servers.ts";
import { startProgram } from "../support/started.ts";

// More than a system keeps for a client that does not read.
const FILE_BYTES = 64 * 1024 * 1024;

/** A data folder with an administrator and a file of theirs. */
async function makeHome() {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-transfers-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  await mkdir(join(folder, "db"));
  const file = join(folder, "db", "longhaul.sqlite");
  await copyFile(inject("tables")!.file, file);
  const database = await openPlace({ file });
  const accountId = newId();
  const passwordHash = await createPasswords().hash(ADMIN_PASSWORD);
  await createFirstAdministrator(database, { id: accountId, username: "admin", passwordHash });
  const objectKey = `accounts/${accountId}/downloads/archive/film`;
  await (await openDiskStore(join(folder, "objects"))).put(objectKey, Buffer.alloc(FILE_BYTES));
  const about = { objectKey, fileName: "film.mp4", sha256: "0", bytes: FILE_BYTES };
  const { serial } = await makeDownload({ accountId, state: "kept", ...about });
  return { folder, serial };
}

/** API processes that share a data folder and a Redis. */
async function startApis(folder: string, count: number) {
  const variables = {
    LONGHAUL_DATA: folder,
    REDIS_URL: inject("redis")!.url,
    TEMPORAL_NAMESPACE: `transfers-${randomUUID()}`,
    SECRET_KEY: randomUUID(),
    LOG_LEVEL: "info",
  };
  return Promise.all(
    (await freePorts(count)).map(async (port) => {
      const command = [process.execPath, "--import", "tsx", "api/server.ts"];
      const started = await startProgram(command, { ...variables, PORT: `${port}` });
      const kill = async () => {
        process.kill(started.pid, "SIGKILL");
        await started.ended;
      };
      onTestFinished(() => kill().catch(() => undefined));
      await started.saying(/api listens/);
      return { address: `http://127.0.0.1:${port}`, kill };
    }),
  );
}

test("60 who fetch from two API processes get 50 places; those of one that is killed are free within 30 seconds", async () => {
  const { folder, serial } = await makeHome();
  const [doomed, living] = (await startApis(folder, 2)) as [Api, Api];
  const { accessToken } = await signIn(living.address, ADMIN_PASSWORD);
  const headers = { authorization: `Bearer ${accessToken}` };
  /** Begins to fetch the file, and reads no more than the answer's head. */
  const begin = async (api: Api) => {
    const path = `/api/v1/download/file?history_id=${serial}`;
    const asking = request(new URL(path, api.address), { agent: false, headers }).end();
    onTestFinished(() => void asking.destroy());
    const [answer] = (await once(asking, "response")) as [IncomingMessage];
    asking.on("error", () => undefined);
    answer.on("error", () => undefined);
    return { api, answer, status: answer.statusCode };
  };
  const shown = async (): Promise<object[]> => {
    const response = await fetch(`${living.address}/api/v1/admin/transfers`, { headers });
    return ((await response.json()) as { items: object[] }).items;
  };

  const all = await Promise.all(
    Array.from({ length: 60 }, (_, index) => begin(index % 2 ? doomed : living)),
  );
  const got = all.filter(({ status }) => status === 200);
  const others = all.filter(({ status }) => status !== 200);
  const lost = got.filter(({ api }) => api === doomed).length;

  expect(got).toHaveLength(50);
  expect(others.map(({ status, answer }) => [status, answer.headers["retry-after"]])).toEqual(
    others.map(() => [503, "10"]),
  );
  expect(await shown()).toHaveLength(50);
  expect(lost).toBeGreaterThan(0);

  await doomed.kill();
  await vi.waitFor(async () => expect(await shown()).toHaveLength(50 - lost), 30_000);
  const next = await Promise.all(Array.from({ length: lost }, () => begin(living)));
  expect(next.map(({ status }) => status)).toEqual(next.map(() => 200));
});

type Api = Awaited<ReturnType<typeof startApis>>[number];
