import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { bearer, signIn, startWithAdmin } from "../../support/accounts.ts";
import { makeTask, tellNote } from "../../support/feeds.ts";
import { type Listening, listenOn } from "../../support/sockets.ts";

const SOCKETS = 1000;
const MESSAGES = 60;
const EVERY_MS = 50;

test("a thousand sockets follow one feed at twenty messages a second: none misses one, and nothing piles up", async () => {
  const api = await startWithAdmin({ env: { FEED_CONNECTIONS: `${SOCKETS}` } });
  const { body } = await signIn(api);
  const headers = bearer(body.access_token);
  const clients: Listening[] = [];
  for (let opened = 0; opened < SOCKETS; opened += 50) {
    const some = Array.from({ length: 50 }, () => listenOn(api.address, "/ws", { headers }));
    await Promise.all(some.map((client) => client.until(2)));
    clients.push(...some);
  }
  const task = makeTask(body.user.id);

  const began = performance.now();
  for (let told = 0; told < MESSAGES; told++) {
    await sleep(Math.max(0, began + told * EVERY_MS - performance.now()));
    await tellNote(api.services.database, task, `line ${told}`);
  }
  await Promise.all(clients.map((client) => client.until(2 + MESSAGES)));

  const all = Array.from({ length: MESSAGES }, (_, index) => index + 1);
  const wrong = clients.filter(
    ({ heard }) =>
      heard.length !== MESSAGES + 2 || all.some((seq, place) => heard[place + 2]!.seq !== seq),
  );
  expect(wrong).toEqual([]);
  const { body: metrics } = await api.call(undefined, "GET", "/metrics");
  expect(metrics).toContain(`longhaul_feed_connections ${SOCKETS}`);
  expect(metrics).toContain("longhaul_feed_waiting_bytes 0");
});
