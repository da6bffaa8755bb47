import { expect, test } from "vitest";
import { type TrafficFault, TRAFFIC_FAULTS } from "../../domain/proxies.ts";
import {
  cookiePlace,
  countLeases,
  createCookie,
  deleteProxy,
  endLease,
  endOverdueLeases,
  findCookie,
  forgetLeases,
  leaseFromPool,
  leasePlace,
  leaseRented,
  lendCookie,
  noteCookie,
  openLease,
  Proxy,
  ProxyLease,
} from "../../models/proxies/index.ts";
import { newId } from "../../platform/crypto.ts";
import { ADMIN } from "../support/actors.ts";
import { describeDatabases } from "../support/database.ts";
import { leaseOrder, makeProxy, sealing } from "../support/proxies.ts";

const MINUTE_MS = 60_000;

describeDatabases(({ open }) => {
  test("fifty attempts race for five places, and five get one", async () => {
    const database = await open();
    await makeProxy(database, { maxConcurrent: 3 });
    await makeProxy(database, { maxConcurrent: 2 });

    const leases = await Promise.all(
      Array.from({ length: 50 }, () => leaseFromPool(database, leaseOrder(), "lru")),
    );

    const got = leases.filter((lease) => lease !== undefined);
    expect(got).toHaveLength(5);
    expect(new Set(got.map(({ proxyId, slot }) => `${proxyId}/${slot}`)).size).toBe(5);
    await endLease(database, { leaseId: got[0]!.id, fault: null });
    expect(await leaseFromPool(database, leaseOrder(), "lru")).toMatchObject({
      proxyId: got[0]!.proxyId,
    });
  });

  test("what failed with one proxy gets another, and the proxy rests as its fault says", async () => {
    const database = await open();
    for (let count = 0; count < 2; count++) await makeProxy(database);
    const order = leaseOrder();
    const first = await leaseFromPool(database, order, "lru");

    await endLease(database, { leaseId: first!.id, fault: "bot_detected", reason: "a captcha" });
    await endLease(database, { leaseId: first!.id, fault: "bot_detected" });
    const second = await leaseFromPool(database, leaseOrder({ taskId: order.taskId }), "lru");

    const proxy = await Proxy.findByPk(first!.proxyId!, { rejectOnEmpty: true });
    expect(proxy).toMatchObject({ riskScore: 50, failCount: 1, consecutiveFailCount: 1 });
    expect(proxy.lastErrorCategory).toBe("bot_detected");
    const restMs = proxy.cooldownUntil!.getTime() - Date.now();
    expect(Math.round(restMs / MINUTE_MS)).toBe(60);
    expect(second!.proxyId).not.toBe(first!.proxyId);
    expect(await leaseFromPool(database, leaseOrder(), "lru")).toBeUndefined();
  });

  test("the score follows the contract, within 0 and 100, and from 80 on nothing is lent", async () => {
    const database = await open();
    const { id } = await makeProxy(database);
    const scores: number[] = [];
    const faults: (TrafficFault | null)[] = [...TRAFFIC_FAULTS, null, null];
    for (const fault of faults) {
      await Proxy.update({ cooldownUntil: null, riskScore: 0 }, { where: { id } });
      const lease = await leaseFromPool(database, leaseOrder(), "lru");
      await Proxy.update({ riskScore: 78 }, { where: { id } });
      await endLease(database, { leaseId: lease!.id, fault });
      scores.push((await Proxy.findByPk(id, { rejectOnEmpty: true })).riskScore);
    }

    expect(Object.fromEntries(TRAFFIC_FAULTS.map((fault, at) => [fault, scores[at]]))).toEqual({
      network_timeout: 88,
      proxy_unreachable: 88,
      proxy_auth: 100,
      rate_limited: 100,
      bot_detected: 100,
      cookie_invalid: 78,
      terminal_video: 78,
      unknown: 83,
    });
    expect(scores.at(-1)).toBe(73);
    const dropped = await leaseFromPool(database, leaseOrder(), "lru");
    await endLease(database, { leaseId: dropped!.id, fault: null, isDropped: true });
    expect(await ProxyLease.findByPk(dropped!.id)).toMatchObject({ state: "dropped", slot: null });
    expect(await Proxy.findByPk(id)).toMatchObject({ riskScore: 73, successCount: 2 });
    await Proxy.update({ riskScore: 80, cooldownUntil: null }, { where: { id } });
    expect(await leaseFromPool(database, leaseOrder(), "lru")).toBeUndefined();
  });

  test("the pool is taken in the order of the policy, and by what proxies are for", async () => {
    const database = await open();
    const liked = await makeProxy(database, { priority: 9, maxConcurrent: 9 });
    const rested = await makeProxy(database, { maxConcurrent: 9 });
    const tagged = await makeProxy(database, {
      priority: 20,
      platformTags: "YouTube, tiktok",
      maxConcurrent: 9,
    });
    await makeProxy(database, { status: "inactive", priority: 99 });
    await Proxy.update({ lastUsedAt: new Date() }, { where: { id: liked.id } });

    const take = async (strategy: "lru" | "priority", platform?: string) =>
      (await leaseFromPool(database, leaseOrder(platform ? { platform } : {}), strategy))!.proxyId;

    expect(await take("lru")).toBe(rested.id);
    expect(await take("priority")).toBe(liked.id);
    expect(await take("priority", "youtube")).toBe(tagged.id);
  });

  test("what a killed worker held is free again when its time has come", async () => {
    const database = await open();
    const { id } = await makeProxy(database);
    const held = await leaseFromPool(database, leaseOrder({ seconds: 60 }), "lru");

    expect(await endOverdueLeases(database, new Date())).toBe(0);
    expect((await countLeases([id])).get(id)).toBe(1);
    expect(await endOverdueLeases(database, new Date(Date.now() + 61_000))).toBe(1);

    expect((await countLeases([id])).get(id)).toBeUndefined();
    expect(await openLease(held!.id, sealing.unseal)).toBeUndefined();
    expect(await Proxy.findByPk(id)).toMatchObject({ riskScore: 0, failCount: 0 });
    expect(await forgetLeases(database, new Date(Date.now() + 120_000))).toBe(1);
  });

  test("credentials are opened for who goes through it, and stand nowhere in clear", async () => {
    const database = await open();
    await makeProxy(database);
    const manual = await leaseFromPool(database, leaseOrder(), "lru");
    const order = leaseOrder();
    const password = sealing.seal("rented secret", leasePlace(order.id));
    const rented = { host: "203.0.113.9", port: 1, protocol: "socks5", username: "r" } as const;
    await leaseRented(database, order, { ...rented, password });

    expect(await openLease(manual!.id, sealing.unseal)).toMatchObject({ password: "secret" });
    expect(await openLease(order.id, sealing.unseal)).toEqual({
      ...rented,
      password: "rented secret",
    });
    const rows = JSON.stringify([await Proxy.findAll(), await ProxyLease.findAll()]);
    expect(rows).not.toContain("secret");
    await endLease(database, { leaseId: order.id, fault: null });
    expect(await ProxyLease.findByPk(order.id)).toMatchObject({ password: null });
  });

  test("a proxy that is removed is forgotten with its password, and its place may be taken again", async () => {
    const database = await open();
    const gone = await makeProxy(database, { host: "one.example" });
    const lease = await leaseFromPool(database, leaseOrder(), "lru");

    await deleteProxy(database, gone.serial, { actor: ADMIN });
    await makeProxy(database, { host: "one.example" });

    expect(await openLease(lease!.id, sealing.unseal)).toBeUndefined();
    expect(await Proxy.findByPk(gone.id)).toMatchObject({ password: null });
    await expect(makeProxy(database, { host: "one.example" })).rejects.toMatchObject({
      type: "proxies/taken",
    });
  });

  test("the least used cookie is lent, and rests as its fault says", async () => {
    const database = await open();
    const make = async (expireAt: Date | null) => {
      const id = newId();
      const content = sealing.seal(`cookie ${id}`, cookiePlace(id));
      const terms = { id, platform: "youtube", name: "one", content, expireAt };
      return createCookie(database, terms, { actor: ADMIN });
    };
    const lend = () => lendCookie(database, "youtube", sealing.unseal);
    await make(new Date(Date.now() - 1000));
    const [one, other] = [await make(null), await make(new Date(Date.now() + 600_000))];

    expect(await lend()).toEqual({ id: one.id, content: `cookie ${one.id}` });
    expect(await lend()).toMatchObject({ id: other.id });
    const restHours = async (fault: TrafficFault) => {
      await noteCookie(database, one.id, fault);
      const { frozenUntil } = await findCookie(one.serial);
      return Math.round((frozenUntil!.getTime() - Date.now()) / 3_600_000);
    };
    expect(await restHours("rate_limited")).toBe(1);
    expect(await restHours("bot_detected")).toBe(2);
    expect(await restHours("cookie_invalid")).toBe(24);
    await noteCookie(database, other.id, "network_timeout");
    await noteCookie(database, other.id, null);
    expect(await lend()).toMatchObject({ id: other.id });
    expect(await findCookie(other.serial)).toMatchObject({ successCount: 1, failCount: 0 });
    expect(await lendCookie(database, "tiktok", sealing.unseal)).toBeUndefined();
  });
});
