import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import {
  Account,
  createFirstAdministrator,
  type NewSession,
  openSession,
} from "../../models/accounts.ts";
import { openDatabase } from "../../models/database.ts";
import { MODELS } from "../../models/index.ts";
import { migrate } from "../../models/schema.ts";
import { createAccessTokens } from "../../platform/access-tokens.ts";
import { newId } from "../../platform/crypto.ts";
import { databasePlace } from "../../platform/database-place.ts";
import { readEnv } from "../../platform/env.ts";
import type { Finding, Measurement, Size } from "../measurement.ts";
import { cpuSeconds } from "../processes.ts";
import { compare, type Contestant, plotOf, ratio, rounded, tableOf } from "../rounds.ts";

const FAN_OUT = fileURLToPath(new URL("../fan-out.ts", import.meta.url));
const CROWD = fileURLToPath(new URL("../crowd.ts", import.meta.url));
const SECRET_KEY = "a secret key for a measurement, long enough";
const OURS = "followed through Longhaul";
const BARE = "broadcast by ws";
const MiB = 1024 * 1024;

/** What it costs to tell many at the same time. */
export const fanOut: Measurement = {
  name: "fan-out",
  title: "Telling many at the same time",
  method:
    "Messages of one feed to 1,000 and to 10,000 sockets: in the product each is committed to the database by another process, read once, and sent to all whose sessions it watches meanwhile; beside it the broadcast that the documentation of ws has, of a text that is there already. The work is one message to one socket; the CPU time is that of the serving process. How long a message takes to each of 1,000 clients is told from the moment that stands in it, which is before its commit.",
  run,
};

async function run(size: Size): Promise<Finding> {
  const scene = await makeScene();
  try {
    const few = await compareCrowds(scene, size, { sockets: 1000, messages: 60, everyMs: 50 });
    const sockets = size.quick ? 2000 : 10_000;
    const many = await compareCrowds(scene, size, { sockets, messages: 12, everyMs: 400 });
    const rows = [few, many].flatMap(({ standings, sockets }) =>
      tableOf(standings, "").rows.map(([name, ...row]) => [`${sockets} sockets, ${name}`, ...row]),
    );
    return {
      goals: [
        {
          claim: "messages to 1,000 sockets per CPU second, against the bare broadcast",
          value: ratio(few.standings, OURS, BARE),
          least: 0.9,
        },
        {
          claim: `messages to ${sockets} sockets per CPU second, against the bare broadcast`,
          value: ratio(many.standings, OURS, BARE),
          least: 0.9,
        },
        {
          claim: `MiB of memory for ${sockets} sockets that hear nothing`,
          value: many.idleBytes / MiB,
          most: 200,
        },
        {
          claim: "p99 from the commit to each of 1,000 clients, in milliseconds",
          value: few.p99Ms,
          most: 150,
        },
      ],
      table: {
        columns: ["", "messages per CPU second", "least – most", "messages per second"],
        rows,
      },
      plots: [
        plotOf(few.standings, "To 1,000 sockets", "messages"),
        plotOf(many.standings, `To ${sockets} sockets`, "messages"),
      ],
    };
  } finally {
    await scene.remove();
  }
}

/** A database with an account that is signed in, in a folder of its own. */
async function makeScene() {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-fan-out-"));
  const variables = {
    LONGHAUL_DATA: folder,
    SECRET_KEY,
    FEED_CONNECTIONS: "20000",
    LIMIT_REQUESTS: "1000000/60",
  };
  const database = await openDatabase({
    ...databasePlace(readEnv({ ...process.env, ...variables })),
    define: MODELS,
  });
  await migrate(database);
  const accountId = newId();
  await createFirstAdministrator(database, {
    id: accountId,
    username: "admin",
    passwordHash: "none",
  });
  const account = await Account.findByPk(accountId, { rejectOnEmpty: true });
  const expiresAt = new Date(Date.now() + 86_400_000);
  const session: NewSession = {
    id: newId(),
    refreshHash: newId(),
    userAgent: "bench",
    expiresAt,
  };
  const actor = { accountId, name: "admin" };
  await openSession(database, account, session, { actor, address: "127.0.0.1" });
  const claims = { accountId, sessionId: session.id };
  const token = await createAccessTokens(SECRET_KEY).issue(claims, 86_400);
  await database.close();
  const remove = () => rm(folder, { recursive: true, force: true, maxRetries: 10 });
  return { variables, accountId, token, remove };
}

type Scene = Awaited<ReturnType<typeof makeScene>>;

interface Crowd {
  sockets: number;
  messages: number;
  everyMs: number;
}

async function compareCrowds(scene: Scene, size: Size, crowd: Crowd) {
  const { sockets } = crowd;
  const product = await startPair("product", "/ws", scene, sockets);
  const bare = await startPair("bare", "/", { ...scene, token: "" }, sockets);
  const p99s: number[] = [];
  const contestant = (name: string, pair: Pair, heard?: (p99Ms: number) => void): Contestant => ({
    name,
    turn: async () => {
      const began = performance.now();
      const before = await cpuSeconds(pair.server.pid);
      const p99Ms = await pair.tell(crowd);
      const used = (await cpuSeconds(pair.server.pid)) - before;
      heard?.(p99Ms);
      const seconds = (performance.now() - began) / 1000;
      return { work: crowd.messages * sockets, cpuSeconds: used, seconds };
    },
  });
  const contestants = [
    contestant(OURS, product, (p99Ms) => p99s.push(p99Ms)),
    contestant(BARE, bare),
  ];
  const standings = await compare(contestants, size);
  for (const pair of [product, bare]) await pair.stop();
  const p99Ms = rounded(p99s.sort((one, other) => one - other)[p99s.length >> 1]!);
  return { standings, sockets, p99Ms, idleBytes: product.idleBytes };
}

/** A server, and its clients in another process. */
interface Pair {
  server: Speaking;
  /** How much more memory the server has since its clients are there. */
  idleBytes: number;
  /** Has messages sent; answers the p99 of the milliseconds that they took, once everybody has all. */
  tell(crowd: Crowd): Promise<number>;
  stop(): Promise<void>;
}

async function startPair(
  role: string,
  path: string,
  { variables, accountId, token }: Scene,
  sockets: number,
): Promise<Pair> {
  const server = speakWith("0", [FAN_OUT, role, accountId, newId()], variables);
  const address = await server.line();
  const before = await residentBytes(server.pid);
  const crowd = speakWith("1", [CROWD, address, path, `${sockets}`, token], {});
  if ((await crowd.line()) !== "ready") throw new Error("the clients cannot connect");
  const idleBytes = (await residentBytes(server.pid)) - before;
  return {
    server,
    idleBytes,
    async tell({ messages, everyMs }) {
      crowd.say(`${messages}`);
      server.say(`${messages} ${everyMs}`);
      return Number((await crowd.line()).split(" ")[2]);
    },
    async stop() {
      await crowd.stop();
      await server.stop();
    },
  };
}

/** A program that is spoken with line by line. */
interface Speaking {
  pid: number;
  say(line: string): void;
  line(): Promise<string>;
  stop(): Promise<void>;
}

function speakWith(core: string, args: string[], variables: Record<string, string>): Speaking {
  const pinned = ["taskset", "-c", core, process.execPath, "--import", "tsx", ...args];
  const child = spawn(pinned[0]!, pinned.slice(1), {
    env: { ...process.env, ...variables },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines: Interface = createInterface(child.stdout);
  const said = lines[Symbol.asyncIterator]();
  return {
    pid: child.pid!,
    say: (line) => void child.stdin.write(`${line}\n`),
    async line() {
      const { value, done } = await said.next();
      if (done) throw new Error(`${args[0]} ended`);
      return value;
    },
    async stop() {
      if (child.exitCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) * 1024;
}
