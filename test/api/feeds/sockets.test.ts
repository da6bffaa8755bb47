import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { Feed, FeedFrame, forgetFrames, recordProgress } from "../../../models/feeds/index.ts";
import {
  bearer,
  makeKey,
  makePerson,
  signIn,
  signOut,
  startWithAdmin,
} from "../../support/accounts.ts";
import {
  crowdFeed,
  giveNotice,
  makeTask,
  progressOf,
  tellNote,
  tellTask,
} from "../../support/feeds.ts";
import { type Heard, listenOn, refusedOn } from "../../support/sockets.ts";

const PATH = "/ws";
const PROGRESS = "/api/v1/ws/progress";
const names = (heard: Heard[]) => heard.map(({ event }) => event);

/** An API with somebody signed in. */
async function openScene(env: Record<string, string> = {}) {
  const api = await startWithAdmin({ env });
  const { database } = api.services;
  const { body } = await signIn(api);
  const token = body.access_token as string;
  const accountId = body.user.id as string;
  const listen = (query = "", headers: Record<string, string> = bearer(token)) =>
    listenOn(api.address, `${PATH}${query}`, { headers });
  return { api, database, token, refreshToken: body.refresh_token as string, accountId, listen };
}

describe("/ws", () => {
  test("greets in the contract's words, tells where all stands, and then what happens, each with its number", async () => {
    const { database, accountId, listen } = await openScene();
    const [running, over] = [makeTask(accountId), makeTask(accountId)];
    await tellTask(database, running, "running");
    await tellTask(database, over, "completed");
    await recordProgress(database, [progressOf(running, 12.5)]);

    const client = listen(`?user_id=${accountId}`);
    await client.until(5);
    await tellNote(database, running, "scan");
    await tellTask(database, makeTask(), "running");
    await giveNotice(database, accountId);
    await recordProgress(database, [progressOf(running, 50)]);
    await tellTask(database, running, "failed");
    const heard = await client.until(9);

    expect(heard.map(({ event, seq }) => [event, seq])).toEqual([
      ["connection:established", 0],
      ["notification", 0],
      ["task:status", 1],
      ["task:completed", 2],
      ["task:progress", 3],
      ["task:log", 4],
      ["notification", 5],
      ["task:progress", 6],
      ["task:failed", 7],
    ]);
    expect(heard[0]!.data).toMatchObject({ user_id: accountId });
    expect(heard[1]!.data).toMatchObject({
      title: "连接成功",
      message: "WebSocket连接已建立，您将实时收到任务进度更新",
      type: "success",
    });
    expect(heard[7]!.data).toMatchObject({ task_id: running.taskId, progress: 50 });
    expect(heard[8]!.data).toMatchObject({ task_id: running.taskId, error_message: "It broke." });
  });

  test("goes on after `since`, and says so when that is too long ago or was never told", async () => {
    const { database, accountId, listen } = await openScene();
    const task = makeTask(accountId);
    for (const state of ["queued", "running", "waiting"] as const) {
      await tellTask(database, task, state);
    }

    const goesOn = await listen("?since=1").until(4);
    const ahead = await listen("?since=99").until(4);
    const old = new Date(Date.now() - 25 * 3_600_000);
    await FeedFrame.update({ createdAt: old }, { where: { seq: [1, 2] }, silent: true });
    const day = new Date(Date.now() - 24 * 3_600_000);
    await forgetFrames(database, { frames: day, tasks: day });
    const tooOld = await listen("?since=1").until(4);
    const inTime = await listen("?since=2").until(3);

    expect(goesOn.slice(2).map(({ seq }) => seq)).toEqual([2, 3]);
    expect(goesOn[0]!.seq).toBe(1);
    for (const heard of [ahead, tooOld]) {
      expect(names(heard).slice(2)).toEqual(["resync", "task:status"]);
      expect(heard[3]).toMatchObject({ seq: 3, data: { status: "waiting" } });
    }
    expect(names(inTime).slice(2)).toEqual(["task:status"]);
    for (const wrong of ["undefined", "", "-1", "1e3"]) {
      const { code, words } = await listen(`?since=${wrong}`).closed;
      expect({ code, words }).toEqual({
        code: 4422,
        words: expect.stringMatching(/^since must be/),
      });
    }
  });

  test("whoever is told live, and misses what is not kept any more, hears where all stands", async () => {
    const { api, database, accountId, listen } = await openScene();
    const task = makeTask(accountId);
    await tellTask(database, task, "running");
    const client = listen();
    await client.until(3);

    // As if so much had been told and forgotten while the database could not be read.
    await Feed.update({ lastSeq: 9, forgottenSeq: 8 }, { where: { accountId } });
    await api.services.bus.announce({ type: "feed.grew", data: { accountId } });
    await client.until(5);
    await tellTask(database, task, "completed");
    const heard = await client.until(6);

    expect(heard.slice(3).map(({ event, seq }) => [event, seq])).toEqual([
      ["resync", 0],
      ["task:status", 1],
      ["task:completed", 10],
    ]);
    expect(heard[3]!.data).toMatchObject({ since: 1 });
  });

  test("answers what a client says, whatever it is, and lives on", async () => {
    const { accountId, listen } = await openScene();
    const client = listen();
    await client.until(2);

    client.say({ event: "ping", data: { timestamp: 7 } });
    client.say({ event: "subscribe", data: { task_id: "t1" } });
    client.say({ event: "unsubscribe", task_id: "t1" });
    client.say({ event: "subscribe" });
    client.say("{ no JSON");
    client.say("[1]");
    client.say({ event: "constructor" });
    client.say({ event: "ping", timestamp: "later" });
    const heard = await client.until(9);

    expect(heard.slice(2).map(({ event, data }) => [event, data])).toEqual([
      ["pong", { timestamp: 7 }],
      ["subscribed", { task_id: "t1", message: "Subscribed to task t1" }],
      ["unsubscribed", { task_id: "t1", message: "Unsubscribed from task t1" }],
      ["error", { message: "Invalid JSON format" }],
      ["error", { message: "Failed to process message" }],
      ["error", { message: "Unknown event type: constructor" }],
      ["pong", { timestamp: "later" }],
    ]);
    expect(accountId).toBe(heard[0]!.data["user_id"]);
  });

  test("closes for what is no message of this size or protocol, and for a flood", async () => {
    const { api, listen } = await openScene();
    const [large, garbled, flood] = [listen(), listen(), listen()];
    for (const client of [large, garbled, flood]) await client.until(2);

    large.say("x".repeat(20_000));
    garbled.write([0xff, 0xff, 0x00, 0x01]);
    for (let said = 0; said < 200; said++) flood.say({ event: "ping" });

    expect(await large.closed).toMatchObject({ code: 1009 });
    expect(await garbled.closed).toMatchObject({ code: 1002 });
    expect(await flood.closed).toMatchObject({ code: 1008 });
    expect((await api.call(undefined, "GET", "/live")).status).toBe(200);
  });

  test("takes the token from where clients can put it, and closes with a word for who has none", async () => {
    const { api, accountId, token } = await openScene();
    const open = (query: string, given = {}) => listenOn(api.address, `${PATH}${query}`, given);
    const asked = `?user_id=${accountId}`;

    await open(`${asked}&token=${token}`).until(2);
    const byProtocol = open("", { protocols: ["bearer", token] });
    await byProtocol.until(2);
    const nobody = await open(asked).closed;
    const forged = await open(`${asked}&token=${token}x`).closed;
    const another = await open(`?user_id=someone&token=${token}`).closed;

    expect(byProtocol.socket.protocol).toBe("bearer");
    expect(nobody).toEqual({ code: 4401, words: "missing authorization token" });
    expect(forged.code).toBe(4401);
    expect(another.code).toBe(1008);
    expect(JSON.stringify(api.logged)).not.toContain(token);
  });

  test("programs hear of the tasks that they may read, and of no notice", async () => {
    const { api, database, accountId, token } = await openScene();
    const key = await makeKey(api, token, { scopes: ["cards:read"] });
    const client = listenOn(api.address, PATH, { headers: { "X-API-Key": key.body.key } });
    await client.until(2);

    await giveNotice(database, accountId);
    await tellTask(database, makeTask(accountId), "running");
    await tellTask(database, { ...makeTask(accountId), kind: "card-batch" }, "running");

    const heard = await client.until(3);
    expect(heard[2]).toMatchObject({ seq: 3, data: { kind: "card-batch" } });
  });

  test("lets pages of this platform and of CORS_ORIGINS come, and no others", async () => {
    const { api, token } = await openScene({ CORS_ORIGINS: "https://console.example" });
    const from = (Origin: string) => ({ ...bearer(token), Origin });

    const refused = await refusedOn(api.address, PATH, from("https://evil.example"));
    await listenOn(api.address, PATH, { headers: from("https://console.example") }).until(2);
    await listenOn(api.address, PATH, { headers: from(api.address) }).until(2);

    expect(refused).toEqual({
      status: 403,
      body: { code: 403, message: "This origin may not connect." },
    });
    expect(await refusedOn(api.address, "/elsewhere")).toMatchObject({ status: 404 });
  });

  test("a client that is gone when it is turned away harms nobody", async () => {
    const { api } = await openScene();
    const { hostname, port } = new URL(api.address);
    const handshake = [
      `GET ${PROGRESS}?task_id=1 HTTP/1.1`,
      "Host: here",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "\r\n",
    ].join("\r\n");
    const leave = async () => {
      const client = connect(Number(port), hostname);
      client.on("error", () => undefined);
      client.write(handshake, () => client.resetAndDestroy());
      await once(client, "close");
    };

    // Of so many, some leave in between the question and its answer; an error that nobody hears ends the process.
    for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 50 }, leave));

    expect((await api.call(undefined, "GET", "/live")).status).toBe(200);
  });

  test("an account has so many connections and no more", async () => {
    const { listen } = await openScene({ FEED_CONNECTIONS: "2" });
    const [first, second] = [listen(), listen()];
    await first.until(2);
    await second.until(2);

    expect((await listen().closed).code).toBe(4429);
    first.socket.close();
    await first.closed;
    await sleep(50);
    await listen().until(2);
  });

  test("is closed within a second when its session ends or its key is revoked", async () => {
    const { api, token, refreshToken, listen } = await openScene();
    const key = await makeKey(api, token, { scopes: ["cards:read"] });
    const program = listenOn(api.address, PATH, { headers: { "X-API-Key": key.body.key } });
    const person = listen();
    await program.until(2);
    await person.until(2);

    await api.call(undefined, "DELETE", `/api/v1/api-keys/${key.body.id}`, {
      headers: bearer(token),
    });
    expect((await program.closed).code).toBe(4401);
    expect(person.socket.readyState).toBe(1);
    const began = performance.now();
    await signOut(api, refreshToken);

    expect((await person.closed).code).toBe(4401);
    expect(performance.now() - began).toBeLessThan(2000);
  });

  test("a client that does not read is told why it is sent away, and the others miss nothing", async () => {
    const { api, database, accountId, listen } = await openScene();
    const [slow, quick] = [listen(), listen()];
    await slow.until(2);
    await quick.until(2);
    slow.socket.pause();

    // More than the kernels of both ends hold for who does not read.
    await crowdFeed(database, accountId, { frames: 2000, bytes: 8000 });
    await api.services.bus.announce({ type: "feed.grew", data: { accountId } });
    const heard = await quick.until(2002);
    slow.socket.resume();

    const { code, words } = await slow.closed;
    expect({ code, words }).toMatchObject({
      code: 1013,
      words: expect.stringMatching(/^Too slow/),
    });
    expect(slow.heard.length).toBeLessThan(2002);
    const numbers = heard.slice(2).map(({ seq }) => seq);
    expect(numbers).toEqual(Array.from({ length: 2000 }, (_, index) => index + 1));
    const metrics = await api.call(undefined, "GET", "/metrics");
    expect(metrics.body).toContain('longhaul_feed_connections_ended_total{code="1013"} 1');
    expect(metrics.body).toContain("longhaul_feed_connections 1");
  });
});

describe("/api/v1/ws/progress", () => {
  test("tells where a task stands, how far it is, and closes with its end", async () => {
    const { api, database, accountId, token } = await openScene();
    const task = makeTask(accountId);
    await tellTask(database, task, "running");
    const open = () =>
      listenOn(api.address, `${PROGRESS}?task_id=${task.taskId}`, {
        protocols: ["bearer", token],
      });

    const client = open();
    await client.until(1);
    await recordProgress(database, [
      { ...progressOf(task, 40), phase: "downloading", done: 40, total: 100, unit: "bytes" },
    ]);
    await client.until(2);
    await tellTask(database, makeTask(accountId), "failed");
    await tellTask(database, task, "completed");
    const { code } = await client.closed;
    const late = open();
    await late.closed;

    expect(code).toBe(1000);
    expect(client.heard).toMatchObject([
      { task_id: task.taskId, status: "downloading", percent: 0, message: "Download started" },
      {
        status: "downloading",
        percent: 40,
        downloaded_bytes: 40,
        total_bytes: 100,
        phase: "downloading",
        phase_label: "正在下载",
        phase_label_en: "Downloading",
      },
      { status: "completed", percent: 100, message: "Download completed" },
    ]);
    expect(late.heard).toMatchObject([{ status: "completed", percent: 100 }]);
  });

  test("who may not see another's run any more follows it no longer", async () => {
    const { api, database, accountId, token } = await openScene();
    const person = await makePerson(api, "operator");
    const theirs = { ...bearer(person.token) };
    const [task, own] = [makeTask(accountId), makeTask(person.id)];
    await tellTask(database, task, "running");
    await tellTask(database, own, "running");
    const follow = ({ taskId }: typeof task) =>
      listenOn(api.address, `${PROGRESS}?task_id=${taskId}`, { headers: theirs });
    const [another, mine] = [follow(task), follow(own)];
    await another.until(1);
    await mine.until(1);

    // Sessions and rights are looked at all the time: whoever still has theirs notices nothing.
    await sleep(1000);
    expect(another.socket.readyState).toBe(1);
    await api.call(undefined, "PATCH", `/api/v1/admin/users/${person.id}`, {
      headers: bearer(token),
      json: { role: "user" },
    });

    expect((await another.closed).code).toBe(4403);
    expect(mine.socket.readyState).toBe(1);
    expect(
      await refusedOn(api.address, `${PROGRESS}?task_id=${task.taskId}`, theirs),
    ).toMatchObject({
      status: 403,
    });
  });

  test("says before the upgrade what is wrong", async () => {
    const { api, database, token } = await openScene();
    const stranger = { ...makeTask(), kind: "card-batch" as const };
    await tellTask(database, stranger, "running");
    const ask = (query: string, headers = bearer(token)) =>
      refusedOn(api.address, `${PROGRESS}${query}`, headers);

    expect(await ask("?task_id=1", {} as never)).toMatchObject({
      status: 401,
      body: { code: 401 },
    });
    expect(await ask(`?token=${token}`, {} as never)).toMatchObject({ status: 401 });
    expect(await ask("")).toEqual({
      status: 400,
      body: { code: 400, message: "task_id is required" },
    });
    for (const id of ["1", stranger.taskId]) {
      expect(await ask(`?task_id=${id}`)).toEqual({
        status: 403,
        body: { code: 403, message: "task not found or access denied" },
      });
    }
  });
});
