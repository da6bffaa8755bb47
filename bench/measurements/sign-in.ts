import { fileURLToPath } from "node:url";
import { createAccessTokens } from "../../platform/access-tokens.ts";
import { newId } from "../../platform/crypto.ts";
import type { Finding, Measurement, Size } from "../measurement.ts";
import { cpuSeconds, runAsking, startServing, unpin } from "../processes.ts";
import { type Product, startProduct, untilQuiet } from "../product.ts";
import {
  compare,
  type Contestant,
  ratio,
  rounded,
  type Spread,
  spreadOf,
  tableOf,
} from "../rounds.ts";

const CONNECTIONS = "16";
const WARM_UP = 5000;
/** How many people guess at the same time in a storm of sign-ins. */
const GUESSING = 16;
const LOAD = fileURLToPath(new URL("../load.ts", import.meta.url));
const NO_OP = fileURLToPath(new URL("../no-op.ts", import.meta.url));
const WRONG = "not the password of anybody";

/** What it costs to know who asks. */
export const signIn: Measurement = {
  name: "sign-in",
  title: "Signing in",
  method:
    "A route that does nothing, asked with an access token: in the product's API with all that stands before a handler, and in a bare Koa with the same check of the token and its session. A wrong password, given for an account that exists and for names that nobody has: the work is the CPU time of the API. The check of a token's signature by itself. An ordinary read, alone and while sixteen people guess passwords as fast as they are answered; there the API has all cores.",
  run,
};

async function run(size: Size): Promise<Finding> {
  const product = await startProduct({ LIMIT_SIGN_IN: "1000000/60" });
  try {
    await untilQuiet(product);
    const requests = await compareRequests(product, size);
    const guesses = await compareGuesses(product, size);
    const reads = await compareReads(product, size);
    const checkMicroseconds = await timeChecks(size.quick ? 5000 : 50_000);
    const rows = [...tableOf(requests, "requests").rows, ...tableOf(guesses, "guesses").rows];
    return {
      goals: [
        {
          claim: "requests per CPU second, against a bare Koa handler with the same token check",
          value: ratio(requests, "no-op in Longhaul", "no-op in bare Koa"),
          least: 0.8,
        },
        { claim: "microseconds for the check of a token", value: checkMicroseconds, most: 15 },
        {
          claim: "work for names that nobody has, against that for an account",
          value: 1 / ratio(guesses, "wrong password, no account", "wrong password, account"),
          least: 0.9,
          most: 1.1,
        },
        {
          claim: "p99 of a read in a storm of sign-ins, in its quiet p99",
          value: reads.storm.median / reads.quiet.median,
          most: 2,
        },
      ],
      table: { ...tableOf(requests, "answers"), rows },
      plots: [
        {
          title: "An ordinary read, p99",
          unit: "milliseconds",
          bars: Object.entries(reads).map(([label, { median: value, least, most }]) => {
            return { label, value, least, most };
          }),
        },
      ],
    };
  } finally {
    await product.platform.remove();
  }
}

async function compareRequests({ client, platform }: Product, size: Size) {
  const [, token = ""] = client.secrets;
  const begin = (kind: string) => {
    const command = [process.execPath, "--import", "tsx", NO_OP, kind];
    return startServing(command, /(http:\S+)/, platform.variables);
  };
  const servers = [await begin("product"), await begin("bare")] as const;
  const answers = size.quick ? 2000 : 10_000;
  const asking = (name: string, { address, pid }: (typeof servers)[0]): Contestant => {
    const load = [process.execPath, "--import", "tsx", LOAD, `${address}/no-op`, CONNECTIONS];
    return {
      name,
      warmUp: () => runAsking([...load, `${WARM_UP}`, token]),
      turn: () => effortOf(pid, answers, () => runAsking([...load, `${answers}`, token])),
    };
  };
  const standings = await compare(
    [asking("no-op in Longhaul", servers[0]), asking("no-op in bare Koa", servers[1])],
    size,
  );
  for (const server of servers) await server.stop();
  return standings;
}

async function compareGuesses({ platform, api }: Product, size: Size) {
  const guesses = size.quick ? 20 : 100;
  const asking = (name: string, username: () => string): Contestant => ({
    name,
    turn: () =>
      effortOf(api, guesses, async () => {
        for (let n = 0; n < guesses; n++) await guess(platform.address, username());
      }),
  });
  return compare(
    [
      asking("wrong password, account", () => "admin"),
      asking("wrong password, no account", () => `nobody_${newId().slice(-12)}`),
    ],
    size,
  );
}

/** The p99 of an ordinary read in each round, in milliseconds. */
async function compareReads(
  product: Product,
  size: Size,
): Promise<Record<"quiet" | "storm", Spread>> {
  const reads = size.quick ? 100 : 500;
  const found = { quiet: [] as number[], storm: [] as number[] };
  await unpin(product.api);
  await readP99(product, reads);
  for (let round = 0; round < size.rounds; round++) {
    size.rule();
    found.quiet.push(await readP99(product, reads));
    const storm = { isOver: false };
    const guessing = Array.from({ length: GUESSING }, async () => {
      while (!storm.isOver) await guess(product.platform.address, "admin");
    });
    found.storm.push(await readP99(product, reads));
    storm.isOver = true;
    await Promise.all(guessing);
  }
  return { quiet: spreadOf(found.quiet), storm: spreadOf(found.storm) };
}

async function readP99({ client, platform }: Product, reads: number): Promise<number> {
  const headers = { authorization: `Bearer ${client.secrets[1]}` };
  const times: number[] = [];
  for (let n = 0; n < reads; n++) {
    const began = performance.now();
    const answer = await fetch(`${platform.address}/api/v1/users/me`, { headers });
    await answer.text();
    if (answer.status !== 200) throw new Error(`the read was answered ${answer.status}`);
    times.push(performance.now() - began);
  }
  return times.sort((a, b) => a - b)[Math.floor(reads * 0.99)]!;
}

async function guess(address: string, username: string): Promise<void> {
  const answer = await fetch(`${address}/api/v1/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username, password: WRONG }),
  });
  await answer.text();
  if (answer.status !== 401) throw new Error(`a wrong password was answered ${answer.status}`);
}

/** The median time that a token takes which was checked before. */
async function timeChecks(checks: number): Promise<number> {
  const tokens = createAccessTokens("a secret key for a measurement, long enough");
  const token = await tokens.issue({ accountId: newId(), sessionId: newId() }, 3600);
  const times: number[] = [];
  for (let n = 0; n < checks; n++) {
    const began = performance.now();
    await tokens.verify(token);
    times.push((performance.now() - began) * 1000);
  }
  return rounded(spreadOf(times).median);
}

async function effortOf(pid: number, work: number, effort: () => Promise<unknown>) {
  const began = performance.now();
  const before = await cpuSeconds(pid);
  await effort();
  const used = (await cpuSeconds(pid)) - before;
  return { work, cpuSeconds: used, seconds: (performance.now() - began) / 1000 };
}
