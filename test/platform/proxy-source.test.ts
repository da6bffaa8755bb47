import { expect, test } from "vitest";
import { readOpenedHost } from "../../platform/outbound-rules.ts";
import { openProxySource, type ProxySourceFailed } from "../../platform/proxy-source.ts";
import { type ProxyApiAnswer, rentalOf, startProxyApi } from "../support/stand-ins/proxy-api.ts";

const UPSTREAM = {
  protocol: "http",
  host: "93.184.216.34",
  port: 8888,
  username: "u",
  password: "p",
} as const;

async function openSource(allow: string[] = []) {
  const api = await startProxyApi([UPSTREAM]);
  const opened = allow.map((host) => readOpenedHost(host)!);
  return { api, source: openProxySource({ url: api.url, key: api.key, opened }) };
}

test("rents a proxy with its credentials and its end", async () => {
  const { source } = await openSource();

  const rented = await source.rent({ timeoutMs: 5_000 });

  expect(rented).toMatchObject(UPSTREAM);
  expect(rented.expiresAt!.getTime()).toBeGreaterThan(Date.now() + 3_000_000);
});

test("understands both names of a thing, and every usual way to write a time", async () => {
  const { api, source } = await openSource();
  const moment = 1_900_000_000;
  const plain = { ip: "93.184.216.34", port: "3128", username: "a", protocol: "socks5" };
  const ends = [moment, `${moment}`, moment * 1000, new Date(moment * 1000).toISOString()];
  api.instead(...ends.map((expire_at) => ({ status: 200, body: { ...plain, expire_at } })));

  for (const _ of ends) {
    expect(await source.rent({ timeoutMs: 5_000 })).toEqual({
      protocol: "socks5",
      host: "93.184.216.34",
      port: 3128,
      username: "a",
      password: null,
      expiresAt: new Date(moment * 1000),
    });
  }
});

const inside = (ip: string) => ({ status: 200, body: { ...rentalOf(UPSTREAM), ip } });

test.each<[string, ProxyApiAnswer, string, RegExp]>([
  ["silence", { afterMs: 400 }, "network_timeout", /within 0.2 seconds/],
  ["an unknown key", { status: 401 }, "proxy_auth", /answered 401/],
  ["a fault of its own", { status: 500 }, "proxy_unreachable", /answered 500/],
  ["another success", { status: 204 }, "proxy_unreachable", /answered 204/],
  ["a redirect", { status: 302 }, "proxy_unreachable", /answered 302/],
  ["no JSON", { status: 200, body: "<html>" }, "unknown", /did not answer a proxy/],
  ["no port", { status: 200, body: { ip: "93.184.216.34" } }, "unknown", /did not answer a proxy/],
  ["a flood", { status: 200, body: "x".repeat(100_000) }, "unknown", /more than a proxy/],
  ["an address of ours", inside("127.0.0.1"), "unknown", /not public/],
  ["another one", inside("::ffff:10.0.0.1"), "unknown", /not public/],
  ["a name", inside("internal.example"), "unknown", /not public/],
])("%s is no proxy", async (_, answer, fault, words) => {
  const { api, source } = await openSource();
  api.instead(answer);

  const failed = await source.rent({ timeoutMs: 200 }).catch((error: ProxySourceFailed) => error);

  expect(failed).toMatchObject({ name: "ProxySourceFailed", fault });
  expect((failed as Error).message).toMatch(words);
  expect((failed as Error).message).not.toContain(api.key);
});

test("an address of ours may be opened", async () => {
  const { api, source } = await openSource(["127.0.0.1"]);
  api.instead(inside("127.0.0.1"));

  expect(await source.rent({ timeoutMs: 5_000 })).toMatchObject({ host: "127.0.0.1" });
});
