import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { newId } from "../../../platform/crypto.ts";
import { bearer, signIn, signOut, startWithAdmin } from "../../support/accounts.ts";
import { NOBODY, STRANGER } from "../../support/api.ts";
import { crowdFeed, giveNotice, makeTask, tellTask } from "../../support/feeds.ts";

const PATH = "/api/v1/events";

async function openScene(env: Record<string, string> = {}) {
  const api = await startWithAdmin({ env });
  const { body } = await signIn(api);
  const token = body.access_token as string;
  const accountId = body.user.id as string;
  const listen = (headers: Record<string, string> = {}, query = "") =>
    listenTo(`${api.address}${PATH}${query}`, { ...bearer(token), ...headers });
  return { api, database: api.services.database, token, body, accountId, listen };
}

/** Reads a stream of events from its first line on; left with the test. */
function listenTo(url: string, headers: Record<string, string>) {
  const heard = { text: "", status: 0, type: "", ended: false };
  const asked = request(url, { headers }, (answer) => {
    heard.status = answer.statusCode!;
    heard.type = answer.headers["content-type"]!;
    answer.setEncoding("utf8").on("data", (piece: string) => (heard.text += piece));
    answer.on("end", () => (heard.ended = true)).on("error", () => undefined);
  });
  asked.on("error", () => undefined).end();
  onTestFinished(() => void asked.destroy());
  const until = async (words: string) => {
    for (let waits = 0; !heard.text.includes(words); waits++) {
      if (waits > 2000) throw new Error(`${words} did not come: ${heard.text}`);
      await sleep(5);
    }
    return heard;
  };
  const pause = () => void asked.socket!.pause();
  return { heard, until, pause, leave: () => asked.destroy() };
}

describe("GET /api/v1/events", () => {
  test("tells where all stands and then what happens, each event with its id", async () => {
    const { database, accountId, listen } = await openScene();
    const task = makeTask(accountId);
    await tellTask(database, task, "running");

    const client = listen();
    await client.until("id: 1\n");
    await giveNotice(database, accountId);
    await tellTask(database, task, "completed");
    const { text, status, type } = await client.until('"cost":0}\n\n');

    expect({ status, type }).toEqual({ status: 200, type: "text/event-stream" });
    expect(text.split("\n\n").map((event) => event.split("\n").slice(0, 2))).toEqual([
      ["retry: 2000"],
      ["id: 1", "event: task:status"],
      ["id: 2", "event: notification"],
      ["id: 3", "event: task:completed"],
      [""],
    ]);
    const last = text.split("\n\n")[3]!.split("\ndata: ")[1]!;
    expect(JSON.parse(last)).toMatchObject({ task_id: task.taskId, render_time: 2 });
  });

  test("goes on after Last-Event-ID or `since`, and tells when that is not kept", async () => {
    const { database, accountId, listen } = await openScene();
    for (let told = 0; told < 3; told++) await giveNotice(database, accountId);

    const again = await listen({ "Last-Event-ID": "2" }, "?since=0").until("id: 3\n");
    const since = await listen({}, "?since=1").until("id: 3\n");
    const lost = await listen({}, "?since=50").until("event: resync\n");

    expect(again.text).not.toContain("id: 2\n");
    expect(since.text).toContain("id: 2\n");
    expect(lost.text).toContain("id: 0\nevent: resync\n");
  });

  test("ends with its session and says so; an account has so many and no more", async () => {
    const { api, body, token, listen } = await openScene({
      FEED_CONNECTIONS: "2",
    });
    const client = listen();
    const other = listen();
    await client.until("retry");
    await other.until("retry");

    const third = await api.call(NOBODY, "GET", PATH, { headers: bearer(token) });
    expect(third).toMatchObject({ status: 429, body: { code: "feeds/too-many-connections" } });

    other.leave();
    await signOut(api, body.refresh_token);
    const { text } = await client.until("event: closed");
    expect(text).toContain('"code":4401');
    await expect.poll(() => client.heard.ended).toBe(true);
    expect((await api.call(NOBODY, "GET", PATH, { headers: bearer(token) })).status).toBe(401);
  });

  test("a client that does not read is cut off, and counts no longer", async () => {
    const { api, database, accountId, listen } = await openScene();
    const client = listen();
    await client.until("retry");
    client.pause();

    await crowdFeed(database, accountId, { frames: 2000, bytes: 8000 });
    await api.services.bus.announce({ type: "feed.grew", data: { accountId } });

    const metrics = async () => (await api.call(undefined, "GET", "/metrics")).body;
    await expect.poll(metrics, { timeout: 15_000 }).toContain("longhaul_feed_connections 0");
    expect(await metrics()).toContain('longhaul_feed_connections_ended_total{code="1013"} 1');
  });

  test("is not for keys for single packages, nor for a `since` that is no number", async () => {
    const { api, token } = await openScene();
    const narrowKey = { ...STRANGER, keyId: newId(), packages: {} };

    const narrow = await api.call(narrowKey, "GET", PATH);
    const ask = (query: string, headers = {}) =>
      api.call(NOBODY, "GET", `${PATH}${query}`, { headers: { ...bearer(token), ...headers } });
    const wrong = [
      await ask("?since=x"),
      await ask("?since="),
      await ask("?since=1e3"),
      await ask("", { "Last-Event-ID": "-1" }),
    ];

    expect(narrow).toMatchObject({ status: 403, body: { code: "accounts/not-allowed" } });
    for (const { status, body } of wrong) {
      expect({ status, code: body.code }).toEqual({ status: 422, code: "request/invalid" });
    }
  });
});

test("a client that offers HTTP/2 with each request is answered, body and all", async () => {
  const { api } = await openScene();
  const json = JSON.stringify({ username: "admin", password: "wrong wrong" });

  const answer = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const asked = request(`${api.address}/api/v1/auth/login`, {
      method: "POST",
      headers: {
        Connection: "Upgrade, HTTP2-Settings",
        Upgrade: "h2c",
        "HTTP2-Settings": "AAMAAABkAAQCAAAAAAIAAAAA",
        "Content-Type": "application/json",
        "Content-Length": Buffer.byteLength(json),
      },
    });
    asked.on("error", reject).on("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      response.on("end", () => resolve({ status: response.statusCode!, text }));
    });
    asked.write(json.slice(0, 10));
    setTimeout(() => asked.end(json.slice(10)), 50);
  });

  expect(answer.status).toBe(401);
  expect(JSON.parse(answer.text)).toMatchObject({ code: "accounts/bad-credentials" });
});
