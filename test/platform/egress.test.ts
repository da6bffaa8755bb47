import { type AddressInfo, createServer, type Server } from "node:net";
import { ProxyAgent, request } from "undici";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  openEgress,
  type Passage,
  type PassageStopped,
  type PassageTerms,
} from "../../platform/egress/index.ts";
import type { Resolve } from "../../platform/outbound.ts";
import { readOpenedHost } from "../../platform/outbound-rules.ts";
import { startReceiver, status } from "../support/receiver.ts";
import { startSocksProxy, startThirdPartyProxy } from "../support/third-party-proxies.ts";

const MiB = 1024 * 1024;
const PUBLIC = { address: "93.184.216.34", family: 4 };
const LOOPBACK = { address: "127.0.0.1", family: 4 };
const MANY = { limitBytes: 100 * MiB, stallMs: 5_000 };

interface Given {
  allow?: string[];
  resolve?: Resolve;
  terms?: Partial<PassageTerms>;
}

/** A passage out, for which these hosts are opened. */
async function enter({ allow = [], resolve, terms }: Given = {}): Promise<Passage> {
  const opened = allow.map((host) => readOpenedHost(host)!);
  const egress = await openEgress(opened, resolve);
  onTestFinished(() => egress.close());
  return egress.enter({ ...MANY, ...terms });
}

/** Asks through a proxy as programs do: `tunnel` as for https, otherwise as for http. */
async function ask(passage: { address: string }, url: string, tunnel = false) {
  const agent = new ProxyAgent({ uri: passage.address, proxyTunnel: tunnel });
  onTestFinished(() => agent.destroy());
  const { statusCode, body } = await request(url, { dispatcher: agent });
  return { status: statusCode, text: await body.text() };
}

/** What a program is told: a status, or that there was none. */
const told = (work: Promise<{ status: number }>) =>
  work.then(
    ({ status }) => status,
    (error: Error) =>
      /407/.test(error.message) ? 407 : /403/.test(error.message) ? 403 : "broken",
  );

const reasonOf = ({ stopped }: Passage) => stopped.reason as PassageStopped;

/** A server that does with each connection as it is told. */
async function startRaw(serve: Parameters<typeof createServer>[1] & object): Promise<number> {
  const server: Server = createServer(serve).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

describe.each([
  ["a plain request", false],
  ["a tunnel", true],
])("%s", (_, tunnel) => {
  test("reaches an opened host, and what came in is counted", async () => {
    const source = await startReceiver((response) => response.end("x".repeat(100_000)));
    const passage = await enter({ allow: [`127.0.0.1:${source.port}`] });

    const answer = await ask(passage, `${source.address}/film?part=1`, tunnel);

    expect(answer).toMatchObject({ status: 200, text: "x".repeat(100_000) });
    expect(source.received[0]).toMatchObject({ path: "/film?part=1" });
    expect(source.received[0]!.headers).not.toHaveProperty("proxy-authorization");
    expect(passage.receivedBytes()).toBeGreaterThanOrEqual(100_000);
    expect(passage.stopped.aborted).toBe(false);
  });

  test.each([
    "http://127.0.0.1",
    "http://2130706433",
    "http://0x7f.1",
    "http://localhost",
    "http://[::1]",
    "http://[::ffff:10.0.0.1]",
    "http://[64:ff9b::7f00:1]",
    "http://[2002:7f00:1::]",
    "http://169.254.169.254",
    "http://192.168.1.1",
    "http://93.184.216.34:3306",
    "http://93.184.216.34:22",
  ])("to %s ends the run before anything is connected to", async (url) => {
    const passage = await enter();

    const answer = await told(ask(passage, url, tunnel));

    expect(answer).toBe(403);
    expect(reasonOf(passage)).toMatchObject({ kind: "forbidden" });
    expect(await told(ask(passage, "http://93.184.216.34", tunnel))).toBe(403);
  });

  test("goes to nobody whose name has a private address among others, or none", async () => {
    const mixed = await enter({ resolve: async () => [PUBLIC, LOOPBACK] });
    const unknown = await enter({ resolve: () => Promise.reject(new Error("ENOTFOUND")) });

    expect(await told(ask(mixed, "http://mixed.example", tunnel))).toBe(403);
    expect(reasonOf(mixed).kind).toBe("forbidden");
    await told(ask(unknown, "http://unknown.example", tunnel));
    expect(unknown.stopped.aborted).toBe(false);
    expect(unknown.lastTrouble()).toBe("unknown.example has no address.");
  });

  test("is refused without the secret of a run that still goes on", async () => {
    const source = await startReceiver(status(204));
    const passage = await enter({ allow: ["127.0.0.1"] });
    const address = new URL(passage.address);
    const guess = { address: `http://${address.username}:guess@${address.host}` };

    expect(await told(ask({ address: address.origin }, source.address, tunnel))).toBe(407);
    expect(await told(ask(guess, source.address, tunnel))).toBe(407);
    passage.close();
    expect(await told(ask(passage, source.address, tunnel))).toBe(407);
    expect(source.received).toEqual([]);
  });

  test("that never ends is cut at the limit", async () => {
    const source = await startReceiver((response) => {
      const chunk = Buffer.alloc(64 * 1024);
      const flood = () => {
        while (!response.destroyed && response.write(chunk));
        if (!response.destroyed) response.once("drain", flood);
      };
      flood();
    });
    const passage = await enter({ allow: ["127.0.0.1"], terms: { limitBytes: MiB } });

    const answer = await told(ask(passage, source.address, tunnel));

    expect(answer).toBe("broken");
    expect(reasonOf(passage).kind).toBe("too-large");
    expect(passage.receivedBytes()).toBeLessThan(2 * MiB);
  });

  test("that falls silent is cut; when the next one does too, the run is over", async () => {
    const source = await startReceiver((response) => {
      response.writeHead(200, { "content-length": 1_000 }).write("begun");
    });
    const passage = await enter({ allow: ["127.0.0.1"], terms: { stallMs: 100 } });

    expect(await told(ask(passage, source.address, tunnel))).toBe("broken");
    expect(passage.stopped.aborted).toBe(false);
    expect(await told(ask(passage, source.address, tunnel))).toBe("broken");

    expect(reasonOf(passage)).toMatchObject({ kind: "stalled" });
    expect(passage.lastTrouble()).toBe("127.0.0.1 sent nothing for 0.1 seconds.");
  });

  test("whose answer is shorter than it says is short for the run too", async () => {
    const port = await startRaw((socket) => {
      socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort"));
    });
    const passage = await enter({ allow: ["127.0.0.1"] });

    expect(await told(ask(passage, `http://127.0.0.1:${port}/`, tunnel))).toBe("broken");
  });

  test("goes through the proxy that the run was given, to the address that was judged", async () => {
    const source = await startReceiver((response) => response.end("far"));
    const proxy = await startThirdPartyProxy({ username: "u", password: "p" });
    const passage = await enter({
      allow: [`film.example:${source.port}`],
      resolve: async () => [LOOPBACK],
      terms: { upstream: proxy.upstream },
    });

    const answer = await ask(passage, `http://film.example:${source.port}/`, tunnel);

    expect(answer.text).toBe("far");
    expect(source.received[0]!.headers.host).toBe(`film.example:${source.port}`);
    expect(proxy.asked).toEqual([`127.0.0.1:${source.port}`]);
  });
});

test.each(["000 Nothing", "099 Early", "200 O\u0001K", "200 Sign in: not a bot", "101 Switched"])(
  "a source that answers %j harms nobody, and does not choose our words",
  async (first) => {
    const port = await startRaw((socket) => {
      socket.once("data", () => socket.end(`HTTP/1.1 ${first}\r\nContent-Length: 2\r\n\r\nok`));
    });
    const source = await startReceiver(status(204));
    const passage = await enter({ allow: ["127.0.0.1"] });

    const answer = await ask(passage, `http://127.0.0.1:${port}/`);

    expect(answer.status).toBe(first.startsWith("200") ? 200 : 502);
    expect(await ask(passage, source.address)).toMatchObject({ status: 204 });
  },
);

test("a redirect is the run's to follow, and is judged like what came first", async () => {
  const source = await startReceiver(status(302, { location: "http://169.254.169.254/latest" }));
  const passage = await enter({ allow: [`127.0.0.1:${source.port}`] });

  expect((await ask(passage, source.address)).status).toBe(302);
  expect(await told(ask(passage, "http://169.254.169.254/latest"))).toBe(403);

  expect(reasonOf(passage)).toMatchObject({ kind: "forbidden" });
});

test("a name is resolved once for each connection, which goes where it was judged", async () => {
  const source = await startReceiver(status(204));
  let asked = 0;
  const passage = await enter({
    allow: [`film.example:${source.port}`],
    resolve: async () => [asked++ === 0 ? LOOPBACK : PUBLIC],
  });

  await ask(passage, `http://film.example:${source.port}/`);

  expect(asked).toBe(1);
  expect(source.received).toHaveLength(1);
});

test("a proxy is told an address that it is likely to reach", async () => {
  const source = await startReceiver(status(204));
  const proxy = await startThirdPartyProxy({ username: "u", password: "p" });
  const passage = await enter({
    allow: [`film.example:${source.port}`],
    resolve: async () => [{ address: "2606:2800:220:1::1", family: 6 }, LOOPBACK],
    terms: { upstream: proxy.upstream },
  });

  expect(await ask(passage, `http://film.example:${source.port}/`)).toMatchObject({ status: 204 });
  expect(proxy.asked).toEqual([`127.0.0.1:${source.port}`]);
});

test("a SOCKS proxy is used as well", async () => {
  const source = await startReceiver((response) => response.end("by socks"));
  const proxy = await startSocksProxy({ username: "u", password: "p" });
  const passage = await enter({ allow: ["127.0.0.1"], terms: { upstream: proxy.upstream } });

  expect(await ask(passage, source.address)).toMatchObject({ text: "by socks" });
  expect(proxy.asked).toEqual([`127.0.0.1:${source.port}`]);
});

test("a proxy that refuses or is not there ends the run, and nothing of its secret is said", async () => {
  const { upstream } = await startThirdPartyProxy({ username: "u", password: "right-secret" });
  const socks = await startSocksProxy({ username: "u", password: "right-secret" });
  const wrong = { password: "wrong-secret" };
  const upstreams = [
    { ...upstream, ...wrong },
    { ...socks.upstream, ...wrong },
    { ...upstream, port: 1 },
    { ...socks.upstream, port: 1 },
  ];

  const ends = await Promise.all(
    upstreams.map(async (one) => {
      const passage = await enter({ allow: ["127.0.0.1"], terms: { upstream: one } });
      await told(ask(passage, "http://127.0.0.1:9/", true));
      return reasonOf(passage);
    }),
  );

  const [auth, away] = ["proxy-auth", "proxy-unreachable"];
  expect(ends.map(({ kind }) => kind)).toEqual([auth, auth, away, away]);
  expect(JSON.stringify(ends.map(({ message }) => message))).not.toMatch(/secret/);
});
