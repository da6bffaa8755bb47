import { MockActivityEnvironment } from "@temporalio/testing";
import { expect, test } from "vitest";
import { createProxyActivities } from "../../../activities/proxies/index.ts";
import type { LeaseEnd, LeaseOrder, Route } from "../../../activities/proxies/contract.ts";
import { FIRST_POLICY, type PolicyTerms } from "../../../domain/proxies.ts";
import type { Database } from "../../../models/database.ts";
import { openLease, ProxyLease, ProxyPolicy, setPolicy } from "../../../models/proxies/index.ts";
import { openProxySource } from "../../../platform/proxy-source.ts";
import { readOpenedHost } from "../../../platform/outbound-rules.ts";
import { ADMIN } from "../../support/actors.ts";
import { openTestDatabase } from "../../support/database.ts";
import { leaseOrder, makeProxy, sealing } from "../../support/proxies.ts";
import { rentalOf, startProxyApi } from "../../support/stand-ins/proxy-api.ts";

const UPSTREAM = {
  protocol: "http",
  host: "127.0.0.1",
  port: 8888,
  username: "u",
  password: "rented secret",
} as const;

/** A worker's activities, with a provider where one is asked for. */
async function openScene({ withApi = true } = {}) {
  const database = await openTestDatabase();
  const api = await startProxyApi([UPSTREAM]);
  const opened = [readOpenedHost("127.0.0.1")!];
  const proxySource = withApi ? openProxySource({ ...api, opened }) : undefined;
  const activities = createProxyActivities({ database, proxySource, ...sealing });
  const environment = new MockActivityEnvironment();
  const lease = (order: LeaseOrder): Promise<Route> =>
    environment.run((one: LeaseOrder) => activities.leaseProxy(one), order);
  return { database, api, lease, giveBack: (end: LeaseEnd) => activities.returnProxy(end) };
}

const set = (database: Database, terms: Partial<PolicyTerms>) =>
  setPolicy(database, 1, { ...FIRST_POLICY, ...terms }, { actor: ADMIN });

test("with neither a provider nor a pool downloads go straight out, and with either never", async () => {
  const { database, lease } = await openScene({ withApi: false });

  expect(await lease(leaseOrder())).toEqual({ way: "direct" });
  await makeProxy(database, { status: "inactive" });
  expect(await lease(leaseOrder())).toMatchObject({ way: "none", fault: null });
});

test("an attempt whose provider fails is given up, and the next one asks again", async () => {
  const { database, api, lease, giveBack } = await openScene();
  await set(database, { dynamicTimeoutMs: 150 });
  api.instead({ afterMs: 400 }, { status: 401 });
  const [first, second, third] = [leaseOrder(), leaseOrder(), leaseOrder()];

  const answers = [await lease(first), await lease(second), await lease(third)];

  expect(answers).toMatchObject([
    { way: "none", fault: "network_timeout", reason: expect.stringContaining("0.15 seconds") },
    { way: "none", fault: "proxy_auth", reason: expect.stringContaining("401") },
    { way: "proxy", leaseId: third.id },
  ]);
  expect(await lease(second)).toMatchObject({ way: "none", fault: "proxy_auth" });
  expect(await lease(third)).toEqual(answers[2]);
  expect(await openLease(third.id, sealing.unseal)).toMatchObject({ password: "rented secret" });
  await giveBack({ leaseId: third.id, fault: null });
  expect(await ProxyLease.count({ where: { state: "bound" } })).toBe(0);
  expect(JSON.stringify(await ProxyLease.findAll())).not.toContain("rented secret");
});

test("a provider that goes on failing is left alone, and the pool serves meanwhile", async () => {
  const { database, api, lease } = await openScene();
  await set(database, { dynamicRetryCount: 1, dynamicCircuitBreakerSeconds: 300 });
  const faults = [{ status: 500 }, { status: 500 }];
  api.instead(...faults);
  for (const _ of faults) await lease(leaseOrder());

  const resting = await lease(leaseOrder());
  const proxy = await makeProxy(database);
  const served = await lease(leaseOrder());

  expect(resting).toMatchObject({ way: "none", fault: null });
  expect((resting as { retryAfterMs: number }).retryAfterMs).toBeGreaterThan(290_000);
  expect(served.way).toBe("proxy");
  expect(await ProxyLease.findOne({ where: { proxyId: proxy.id } })).toMatchObject({
    state: "bound",
  });
  expect(api.asked).toBe(0);
  await ProxyPolicy.update({ restsUntil: new Date(0) }, { where: { scope: "global" } });
  await lease(leaseOrder());
  expect(api.asked).toBe(1);
});

test("a rented proxy must live as long as the policy says", async () => {
  const { api, lease } = await openScene();
  api.instead({ status: 200, body: rentalOf(UPSTREAM, 599) });

  expect(await lease(leaseOrder())).toMatchObject({ way: "none", fault: "unknown" });
});

test("the first source is the one that the policy names", async () => {
  const { database, api, lease } = await openScene();
  await makeProxy(database);
  await set(database, { primarySource: "manual_pool", fallbackSource: "dynamic_api" });

  const [first, second] = [await lease(leaseOrder()), await lease(leaseOrder())];

  expect([first.way, second.way]).toEqual(["proxy", "proxy"]);
  const sources = (await ProxyLease.findAll()).map(({ source }) => source);
  expect(sources.sort()).toEqual(["dynamic_api", "manual_pool"]);
  expect(api.asked).toBe(1);
});
