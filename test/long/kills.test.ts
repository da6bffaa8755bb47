import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PUBLICATION_STEPS } from "../../domain/packages.ts";
import { stepNames } from "../../domain/pipelines.ts";
import { SHIPPED_PIPELINES } from "../../domain/shipped-pipelines.ts";
import type { Database } from "../../models/database.ts";
import { ask, findRubbish, NOTHING_LEFT, openBeside } from "../support/leftovers.ts";
import { type Chance, takeChance } from "../support/chance.ts";
import { beginUpload } from "../support/broken-upload.ts";
import { watchLink } from "../support/link-watch.ts";
import type { Accepted, PackageClient } from "../support/package-client.ts";
import { type Platform, startPlatform } from "../support/platform.ts";
import { makeMarkedApk, makeMarkedZip, rigTools } from "../support/rigged-tools.ts";
import { until } from "../support/until.ts";

// The long sweep: many kills at moments that chance chooses. LONG_SEED repeats one, LONG_ROUNDS makes it longer.

const ROUNDS = Number(process.env["LONG_ROUNDS"] || 8);
/** Longer than any step of these small packages. */
const LONGEST_STEP_MS = 700;
const PACKAGES = 4;
const PATIENCE_MS = 240_000;

let toolFolder: string;
let platform: Platform;
let client: PackageClient;
let database: Database;
let chance: Chance;

beforeAll(async () => {
  chance = takeChance();
  toolFolder = await mkdtemp(join(tmpdir(), "longhaul-tools-"));
  const tools = await rigTools(toolFolder);
  platform = await startPlatform({ ...tools.variables, BUILD_SLOTS: "4" });
  client = await platform.open();
  database = await openBeside(platform);
});

afterAll(async () => {
  await database?.close();
  await platform?.remove();
  await rm(toolFolder, { recursive: true, force: true });
});

async function begun(step: string, { run }: Accepted): Promise<void> {
  const question = `SELECT 1 FROM package_steps WHERE run_id = '${run}' AND name = '${step}'`;
  for (const end = Date.now() + PATIENCE_MS; (await ask(database, question)).length === 0;) {
    if (Date.now() > end) throw new Error(`${step} was never begun`);
  }
}

/** Asks until it is answered, as a client does that means it. */
async function insist<T>(request: () => Promise<T>): Promise<T> {
  let answer: { value: T } | undefined;
  let reason: unknown;
  await until(async () => {
    answer = await request().then(
      (value) => ({ value }),
      (error: unknown) => void (reason = error),
    );
    return answer !== undefined;
  }, PATIENCE_MS).catch(() => {});
  if (answer) return answer.value;
  throw reason;
}

describe.each([...stepNames(SHIPPED_PIPELINES["apk"]!), ...PUBLICATION_STEPS])(
  "the worker",
  (step) => {
    test(`killed ${ROUNDS} times around ${step} loses nothing`, async () => {
      const first = await client.upload(await makeMarkedApk(), `killed around ${step}`);
      await client.succeeds(first, PATIENCE_MS);
      const watch = watchLink(client.link(first.id, "apk"));

      for (let round = 1; round <= ROUNDS; round++) {
        const order = await client.replace(first.id, await makeMarkedApk(), `2.${round}`);
        await begun(step, order);
        await sleep(chance.below(LONGEST_STEP_MS));
        await platform.kill("worker");
        await client.succeeds(order, PATIENCE_MS);
        await until(async () => (await platform.find("worker")) !== undefined);
      }

      const { wrong, unanswered, absent } = await watch.stop();
      expect({ wrong, unanswered, absent }).toEqual({ wrong: [], unanswered: 0, absent: 0 });
    });
  },
);

describe("the platform", () => {
  test(`of which anything is killed ${ROUNDS * 3} times while ${PACKAGES} packages are replaced loses nothing`, async () => {
    const packages: Accepted[] = [];
    for (let number = 1; number <= PACKAGES; number++) {
      const order = await client.upload(await makeMarkedZip([]), `in the storm ${number}`);
      await client.succeeds(order, PATIENCE_MS);
      packages.push(order);
    }
    const watches = packages.map(({ id }) => watchLink(client.link(id)));
    const calm = new AbortController();
    const orders = packages.map(({ id }) => replaceUntil(calm.signal, id));

    for (let kill = 1; kill <= ROUNDS * 3; kill++) {
      await sleep(chance.below(4000));
      const victim = chance.pick(["worker", "api", "temporal", "everything"] as const);
      if (victim === "everything") {
        await platform.crash();
        await platform.start();
      } else await platform.kill(victim).catch(() => {});
    }
    calm.abort();

    const accepted = (await Promise.all(orders)).flat();
    for (const order of accepted) await ended(order);
    for (const [at, { id }] of packages.entries()) {
      const { wrong, absent } = await watches[at]!.stop();
      expect({ wrong, absent }).toEqual({ wrong: [], absent: 0 });
      const { body } = await client.call("GET", `/api/v1/packages/${id}/runs?limit=100`);
      const { body: shown } = await client.call("GET", `/api/v1/packages/${id}`);
      expect(shown.live_version).toBe(body.items[0].version);
      expect(body.items[0].status).toBe("succeeded");
    }
    expect(await findRubbish(platform, database)).toEqual(NOTHING_LEFT);
  });

  test("forgets a broken upload within two minutes", async () => {
    const upload = beginUpload(platform.address, client.secrets[0]!);
    const staged = () => ask(database, "SELECT * FROM staged_objects");
    await until(async () => (await staged()).length === 1);

    await platform.kill("api");
    await upload;

    await until(async () => (await staged()).length === 0, 130_000);
    expect(await findRubbish(platform, database)).toEqual(NOTHING_LEFT);
  });
});

/** Replaces a package again and again, as fast as it is accepted; answers what was accepted. */
async function replaceUntil(calm: AbortSignal, id: string): Promise<Accepted[]> {
  const accepted: Accepted[] = [];
  for (let number = 1; !calm.aborted; number++) {
    const file = await makeMarkedZip([]);
    // An answer that got lost leaves it open whether the version was taken: the next one has another number.
    let tries = 0;
    accepted.push(await insist(() => client.replace(id, file, `2.${number}.${tries++}`)));
    await sleep(chance.below(3000));
  }
  return accepted;
}

async function ended(order: Accepted): Promise<void> {
  let status = "";
  await until(async () => {
    status = (await client.run(order)).status;
    return status !== "queued" && status !== "running";
  }, PATIENCE_MS);
  expect(["succeeded", "superseded"]).toContain(status);
}
