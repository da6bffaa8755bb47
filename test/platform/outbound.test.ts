import { gzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  openOutbound,
  type Outbound,
  type OutboundRequest,
  type Resolve,
} from "../../platform/outbound.ts";
import { isPublicAddress, readOpenedHost } from "../../platform/outbound-rules.ts";
import { startReceiver, status } from "../support/receiver.ts";

const PUBLIC = { address: "93.184.216.34", family: 4 };
const LOOPBACK = { address: "127.0.0.1", family: 4 };

/** A way out for which these hosts are opened. */
function open({ allow = [], resolve }: { allow?: string[]; resolve?: Resolve } = {}): Outbound {
  const outbound = openOutbound(
    allow.map((host) => readOpenedHost(host)!),
    resolve,
  );
  onTestFinished(() => outbound.close());
  return outbound;
}

const get = (outbound: Outbound, url: string, more: Partial<OutboundRequest> = {}) =>
  outbound.request({ url, method: "GET", timeoutMs: 5_000, limitBytes: 1_000, ...more });

/** What a request came to: its status, or the name of the error. */
const outcome = (work: Promise<{ status: number }>) =>
  work.then(
    ({ status }) => status,
    (error: Error) => error.name,
  );

/** Knows this machine by its usual name and no other. */
const localNames: Resolve = async (hostname) => {
  if (/^localhost\.?$/.test(hostname)) return [LOOPBACK];
  throw new Error(`${hostname} was looked for, though it is no name`);
};

const SPELLINGS = [
  "127.0.0.1",
  "127.1",
  "127.0.1",
  "2130706433",
  "0x7f000001",
  "0x7f.0.0.1",
  "0177.0.0.1",
  "017700000001",
  "127.0.0.1.",
  "１２７.0.0.1",
  "127。0。0。1",
  "%31%32%37.0.0.1",
  "0.0.0.0",
  "0",
  "localhost",
  "LOCALHOST",
  "localhost.",
  "[::1]",
  "[0:0:0:0:0:0:0:1]",
  "[::]",
  "[::ffff:127.0.0.1]",
  "[::ffff:7f00:1]",
  "[::127.0.0.1]",
  "10.1.2.3",
  "172.16.0.1",
  "192.168.1.1",
  "169.254.169.254",
  "[::ffff:169.254.169.254]",
  "[fe80::1]",
  "[fd00:ec2::254]",
  "100.64.0.1",
  "100.100.100.200",
  "[64:ff9b::7f00:1]",
  "[64:ff9b:1::7f00:1]",
  "[2002:7f00:1::]",
  "[2001:0:7f00:1::]",
  "[::ffff:0:127.0.0.1]",
  "[100:9876::1]",
  "224.0.0.1",
  "255.255.255.255",
  "198.18.0.1",
  "168.63.129.16",
];

describe("what leads into a private network is refused", () => {
  test.each(SPELLINGS)("%s", async (host) => {
    const receiver = await startReceiver();
    const outbound = open({ resolve: localNames });

    expect(await outcome(get(outbound, `http://${host}:${receiver.port}/`))).toBe(
      "OutboundRefused",
    );
    await expect(outbound.check(`http://${host}:${receiver.port}/`)).rejects.toThrow(/public/);

    expect(receiver.received).toEqual([]);
  });

  test("a name counts by every address it has: the private ones are not connected to", async () => {
    const receiver = await startReceiver();
    const outbound = open({ resolve: async () => [LOOPBACK, { address: "::1", family: 6 }] });

    const asked = get(outbound, `http://receiver.test:${receiver.port}/`);

    expect(await outcome(asked)).toBe("OutboundRefused");
    expect(receiver.received).toEqual([]);
  });

  test("a name with one private address among others is refused beforehand", async () => {
    const outbound = open({ resolve: async () => [PUBLIC, LOOPBACK] });

    await expect(outbound.check("https://mixed.test/")).rejects.toThrow(/public/);
  });

  test("a name that was public when it was checked and is private when it is asked", async () => {
    const receiver = await startReceiver();
    const answers = [PUBLIC, LOOPBACK];
    const outbound = open({ resolve: async () => [answers.shift() ?? LOOPBACK] });
    const url = `http://rebinding.test:${receiver.port}/`;

    await outbound.check(url);

    expect(await outcome(get(outbound, url))).toBe("OutboundRefused");
    expect(receiver.received).toEqual([]);
  });

  test.each([1, 2, 3, 4, 5])("a redirect at hop %i", async (hop) => {
    const inside = await startReceiver();
    const outside = await startReceiver((response, _, count) => {
      const next = count < hop ? "/again" : `${inside.address}/secret`;
      response.writeHead(302, { Location: next }).end();
    });
    const outbound = open({ allow: [`127.0.0.1:${outside.port}`] });

    const asked = get(outbound, outside.address, { redirects: 5 });

    expect(await outcome(asked)).toBe("OutboundRefused");
    expect(outside.received).toHaveLength(hop);
    expect(inside.received).toEqual([]);
  });
});

describe("what is no address of the web is refused", () => {
  test.each([
    "file:///etc/passwd",
    "ftp://example.com/",
    "gopher://example.com/",
    "data:text/plain,x",
    "javascript:alert(1)",
    "//example.com/",
    "example.com",
    "http://",
    "http://user@example.com/",
    "http://user:password@example.com/",
    "https://example.com:22/",
    "https://example.com:25/",
    "https://example.com:6379/",
    "https://example.com:2375/",
  ])("%s", async (url) => {
    const outbound = open({ resolve: async () => [PUBLIC] });

    await expect(outbound.check(url)).rejects.toThrow(/address|Port/);
    expect(await outcome(get(outbound, url))).toBe("OutboundRefused");
  });

  test.each(["http://example.com/", "https://example.com:443/x?y", "https://example.com:8443/"])(
    "%s is none of these",
    async (url) => {
      const outbound = open({ resolve: async () => [PUBLIC] });

      await expect(outbound.check(url)).resolves.toBeUndefined();
    },
  );
});

test("only what is somebody's machine on the Internet is public", () => {
  const judged = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "3fff::1", "2001:db8::1", "5f00::1"];

  expect(judged.filter(isPublicAddress)).toEqual(["8.8.8.8", "1.1.1.1", "2606:4700::1111"]);
});

test("a name that nobody can resolve now is not refused before it is asked", async () => {
  const outbound = open({ resolve: () => Promise.reject(new Error("ENOTFOUND")) });

  await expect(outbound.check("https://later.test/")).resolves.toBeUndefined();
});

describe("an opened host", () => {
  test("is reached by its address, and by its name whatever it resolves to", async () => {
    const receiver = await startReceiver();
    const outbound = open({
      allow: [`127.0.0.1:${receiver.port}`, "inside.test"],
      resolve: async () => [LOOPBACK],
    });

    expect(await outcome(get(outbound, receiver.address))).toBe(204);
    expect(await outcome(get(outbound, `http://inside.test:${receiver.port}/`))).toBe(204);
    expect(receiver.received.map(({ headers }) => headers.host)).toEqual([
      `127.0.0.1:${receiver.port}`,
      `inside.test:${receiver.port}`,
    ]);
  });

  test("is open on the port that was named and on no other", async () => {
    const [opened, other] = [await startReceiver(), await startReceiver()];
    const outbound = open({ allow: [`127.0.0.1:${opened.port}`] });

    expect(await outcome(get(outbound, other.address))).toBe("OutboundRefused");
    expect(other.received).toEqual([]);
  });

  test.each(["127.0.0.1:99999999", "http://a.test", "a b", "user@a.test", "a.test/path"])(
    "%s is none",
    (text) => {
      expect(readOpenedHost(text)).toBeUndefined();
    },
  );

  test("may be an IPv6 address", () => {
    expect(readOpenedHost("[::1]:3000")).toEqual({ host: "[::1]", port: 3000 });
  });
});

describe("a request", () => {
  const allowed = async (...given: Parameters<typeof startReceiver>) => {
    const receiver = await startReceiver(...given);
    return { receiver, outbound: open({ allow: ["127.0.0.1"] }) };
  };

  test("sends what was given, and does not follow a redirect unasked", async () => {
    const { receiver, outbound } = await allowed(status(302, { Location: "/elsewhere" }));

    const answer = await get(outbound, `${receiver.address}/in?a=b`, {
      method: "POST",
      headers: { "x-word": "yes" },
      body: "text",
    });

    expect(answer).toMatchObject({ status: 302, headers: { location: "/elsewhere" } });
    expect(receiver.received).toMatchObject([
      { method: "POST", path: "/in?a=b", body: "text", headers: { "x-word": "yes" } },
    ]);
  });

  test("takes no credentials along to another host, and a body only where it was asked to", async () => {
    const other = await startReceiver();
    const { receiver, outbound } = await allowed(status(303, { Location: other.address }));
    const headers = { Authorization: "Bearer canary", "x-word": "yes" };

    const answer = await get(outbound, receiver.address, {
      method: "POST",
      body: "text",
      headers,
      redirects: 1,
    });

    expect(answer).toMatchObject({ status: 204, url: `${other.address}/` });
    expect(other.received).toMatchObject([
      { method: "GET", body: "", headers: { "x-word": "yes" } },
    ]);
    expect(other.received[0]?.headers.authorization).toBeUndefined();
  });

  test("gives up on a receiver that answers nothing, or never ends", async () => {
    const silent = await allowed(() => {});
    const endless = await allowed((response) => void response.writeHead(200).write("…"));

    for (const { receiver, outbound } of [silent, endless]) {
      expect(await outcome(get(outbound, receiver.address, { timeoutMs: 100 }))).toBe(
        "TimeoutError",
      );
    }
  });

  test("reads no more than its limit, and says that there was more", async () => {
    const { receiver, outbound } = await allowed((response) => {
      const more = () => {
        while (response.write("x".repeat(10_000)));
      };
      response.on("drain", more);
      more();
    });

    const { bytes, isCut } = await get(outbound, receiver.address, { limitBytes: 100 });

    expect({ text: bytes.toString(), isCut }).toEqual({ text: "x".repeat(100), isCut: true });
  });

  test("decompresses a bomb only as far as it is read", async () => {
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024));
    const { receiver, outbound } = await allowed((response) => {
      response.writeHead(200, { "Content-Encoding": "gzip" }).end(bomb);
    });
    const before = process.memoryUsage().arrayBuffers;

    const { bytes, isCut } = await get(outbound, receiver.address);

    expect([bytes.length, isCut]).toEqual([1_000, true]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50 * 1024 * 1024);
  });

  test("reads a compressed answer, and fails on one that is not what it says", async () => {
    const { receiver, outbound } = await allowed((response) => {
      response.writeHead(200, { "Content-Encoding": "gzip" }).end(gzipSync("plain"));
    });

    const { bytes, isCut } = await get(outbound, receiver.address);
    receiver.answer((response) =>
      response.writeHead(200, { "Content-Encoding": "gzip" }).end("not gzip at all"),
    );

    expect([bytes.toString(), isCut]).toEqual(["plain", false]);
    await expect(get(outbound, receiver.address)).rejects.toThrow(/header/);
  });
});
