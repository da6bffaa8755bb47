import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, inject, onTestFinished, test } from "vitest";
import { describeMariadb } from "../support/database.ts";
import { signIn } from "../support/package-client.ts";
import { killAll, processesIn } from "../support/processes.ts";
import { freePorts } from "../support/services/servers.ts";
import { startProgram, type Started } from "../support/started.ts";
import { until } from "../support/until.ts";

const PASSWORD = /password \(shown this once\): (\S{20})/;

describeMariadb(({ place }) => {
  /** Every backend somebody else's server, with nothing prepared on it but an empty database and a bucket. */
  async function externalProfile() {
    const [temporal, s3, redis] = [inject("temporal")!, inject("s3")!, inject("redis")!];
    const folder = await mkdtemp(join(tmpdir(), "longhaul-roles-"));
    onTestFinished(async () => {
      killAll(await processesIn(folder));
      await rm(folder, { recursive: true, force: true, maxRetries: 10 });
    });
    const [port] = await freePorts(1);
    return {
      LONGHAUL_DATA: folder,
      PORT: `${port}`,
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: `${temporal.namespace}-${randomBytes(4).toString("hex")}`,
      DATABASE_URL: (await place()).url!,
      REDIS_URL: redis.url,
      S3_ENDPOINT: s3.endpoint,
      S3_REGION: s3.region,
      S3_BUCKET: s3.bucket,
      S3_ACCESS_KEY_ID: s3.accessKeyId,
      S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
    };
  }

  test("npm run migrate is all that roles on their own need before they serve", async () => {
    const variables = await externalProfile();
    const run = (role: string): Promise<Started> =>
      startProgram(["npm", "run", "--silent", role], variables);
    const address = `http://127.0.0.1:${variables.PORT}`;

    const first = await run("migrate");
    const firstEnd = await first.ended;
    const again = await run("migrate");
    const againEnd = await again.ended;
    const roles = [await run("api"), await run("worker")];
    const isReady = () => fetch(`${address}/ready`).then(({ ok }) => ok);
    await until(() => isReady().catch(() => false), 60_000);
    const [, password = ""] = PASSWORD.exec(first.said()) ?? [];

    expect([firstEnd, againEnd]).toEqual([0, 0]);
    expect(again.said()).not.toMatch(PASSWORD);
    expect(await signIn(address, password)).toMatchObject({ accessToken: expect.any(String) });
    for (const { pid } of roles) process.kill(pid, "SIGTERM");
    expect(await Promise.all(roles.map(({ ended }) => ended))).toEqual([0, 0]);
  });

  test("a worker without its namespace says which one is missing", async () => {
    const variables = await externalProfile();

    await (
      await startProgram(["npm", "run", "--silent", "migrate"], {
        ...variables,
        TEMPORAL_ADDRESS: "",
      })
    ).ended;
    const worker = await startProgram(["npm", "run", "--silent", "worker"], variables);

    expect(await worker.ended).toBe(1);
    expect(worker.said()).toContain(`Namespace ${variables.TEMPORAL_NAMESPACE} was not found`);
  });
});
