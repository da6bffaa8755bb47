import { randomUUID } from "node:crypto";
import { expect, inject, onTestFinished, test } from "vitest";
import { openRedisBus } from "../../platform/bus.ts";
import { signIn, startWithAdmin } from "../support/accounts.ts";
import { startApi } from "../support/api.ts";
import { openTestDatabase } from "../support/database.ts";
import { giveNotice, makeTask, tellTask } from "../support/feeds.ts";
import { listenOn } from "../support/sockets.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";

/** Two API processes as they stand to each other: one database, and a Redis between them that can be cut off. */
async function startTwo() {
  const { url, prefix: common } = inject("redis")!;
  const prefix = `${common}${randomUUID()}:`;
  const proxy = await startTcpProxy(url);
  const buses = [await openRedisBus(proxy.url, prefix), await openRedisBus(proxy.url, prefix)];
  const [bus, otherBus] = buses as [(typeof buses)[0], (typeof buses)[0]];
  onTestFinished(async () => {
    await Promise.all(buses.map((one) => one.close()));
  });
  // Only the first is told of what is committed here: the other hears of it by Redis alone.
  const database = await openTestDatabase((event) => bus.announce(event));
  const first = await startWithAdmin({ services: { database, bus } });
  const { createAuthenticator } = await import("../../api/policies/accounts.ts");
  const second = await startApi({
    services: { database, bus: otherBus },
    authenticate: createAuthenticator,
  });
  const { body } = await signIn(first);
  const { access_token: token, user } = body as { access_token: string; user: { id: string } };
  const listen = (api: { address: string }) =>
    listenOn(api.address, "/ws", { protocols: ["bearer", token] });
  return { proxy, database, first, second, token, accountId: user.id, listen };
}

test("a socket on either API process hears all, in the same order, also over a time without Redis", async () => {
  const { proxy, database, first, second, accountId, listen } = await startTwo();
  const clients = [listen(first), listen(second)];
  for (const client of clients) await client.until(2);
  const seqs = () => clients.map(({ heard }) => heard.slice(2).map(({ seq }) => seq));

  await Promise.all(Array.from({ length: 20 }, () => giveNotice(database, accountId)));
  for (const client of clients) await client.until(22);
  proxy.cut();
  const task = makeTask(accountId);
  await tellTask(database, task, "running");
  for (const client of clients) await client.until(23);
  proxy.restore();
  await tellTask(database, task, "completed");
  for (const client of clients) await client.until(24);

  const all = Array.from({ length: 22 }, (_, index) => index + 1);
  expect(seqs()).toEqual([all, all]);
});

test("a session that is ended through one API process is closed by the other within a second", async () => {
  const { first, second, token, listen } = await startTwo();
  const client = listen(second);
  await client.until(2);
  const began = performance.now();

  const headers = { Authorization: `Bearer ${token}` };
  await first.call(undefined, "DELETE", "/api/v1/auth/sessions", { headers });

  expect(await client.closed).toMatchObject({ code: 4401 });
  expect(performance.now() - began).toBeLessThan(2000);
});
