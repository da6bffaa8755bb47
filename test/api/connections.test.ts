import { once } from "node:events";
import { createServer } from "node:http";
import { PassThrough } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { route } from "../../api/route.ts";
import { ADMIN, NOBODY, startApi } from "../support/api.ts";
import { send, sendBytes } from "../support/http.ts";
import { doing, things } from "../support/things.ts";

describe("text that grows", () => {
  function growing(source: PassThrough) {
    return route({
      method: "get",
      path: "/log",
      summary: "A log",
      access: "public",
      returns: "text",
      handle: () => source,
    });
  }

  test("arrives as it is written", async () => {
    const source = new PassThrough();
    const api = await startApi({ routes: { log: growing(source) } });

    const response = await fetch(`${api.address}/log`);
    const reader = response.body!.getReader();
    source.write("first\n");
    const { value } = await reader.read();
    source.end();

    expect(Buffer.from(value ?? "").toString()).toBe("first\n");
    expect(response.headers.get("Content-Type")).toBe("text/plain; charset=utf-8");
    expect(response.headers.get("X-Accel-Buffering")).toBe("no");
    expect((await reader.read()).done).toBe(true);
  });

  test("is ended at its source when the client goes", async () => {
    const source = new PassThrough();
    const api = await startApi({ routes: { log: growing(source) } });
    const client = new AbortController();

    await fetch(`${api.address}/log`, { signal: client.signal });
    client.abort();

    await vi.waitFor(() => expect(source.destroyed).toBe(true), 20_000);
    expect(api.logged.filter(({ level }) => (level as number) >= 40)).toEqual([]);
  });

  test("that breaks off is no whole answer", async () => {
    const source = new PassThrough();
    const api = await startApi({ routes: { log: growing(source) } });

    const response = await fetch(`${api.address}/log`);
    source.destroy(new Error("the disk is gone"));

    await expect(response.text()).rejects.toThrow(/terminated|aborted|fetch failed|socket/);
    await vi.waitFor(
      () => expect(JSON.stringify(api.logged)).toContain("the disk is gone"),
      20_000,
    );
  });

  test("is not begun for a HEAD", async () => {
    const source = new PassThrough();
    const api = await startApi({ routes: { log: growing(source) } });

    const { status, headers } = await send(api.address, { method: "HEAD", path: "/log" });

    expect({ status, type: headers["content-type"] }).toEqual({
      status: 200,
      type: "text/plain; charset=utf-8",
    });
    expect(source.destroyed).toBe(true);
  });
});

describe("silence", () => {
  test("of a client that owes us its body ends the connection", async () => {
    const api = await startApi({ routes: things, idleMs: 50 });

    const answer = await sendBytes(
      api.address,
      `POST /things/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.tokenOf(ADMIN)}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
    );

    expect(answer).toBe("");
  });

  test("while we are at work ends nothing", async () => {
    const slow = doing(async () => {
      await sleep(300);
      return "done";
    });
    const api = await startApi({ routes: { slow }, idleMs: 50 });

    expect(await api.call(NOBODY, "GET", "/doing")).toMatchObject({ status: 200, body: "done" });
  });

  test("of a log that has nothing to say ends nothing", async () => {
    const source = new PassThrough();
    const log = route({ ...doing(() => 0), returns: "text", handle: () => source });
    const api = await startApi({ routes: { log }, idleMs: 50 });

    const response = await fetch(`${api.address}/doing`);
    setTimeout(() => source.end("late"), 300);

    expect(await response.text()).toBe("late");
  });
});

describe("stopping", () => {
  test("lets a request in flight end, and takes no new connection", async () => {
    let finish = () => {};
    let arrived = () => {};
    const here = new Promise<void>((resolve) => (arrived = resolve));
    const slow = doing(async () => {
      arrived();
      await new Promise<void>((resolve) => (finish = resolve));
      return "done";
    });
    const api = await startApi({ routes: { slow } });

    const asked = api.call(NOBODY, "GET", "/doing");
    await here;
    const closed = api.close(10_000);
    await vi.waitFor(() =>
      expect(fetch(api.address)).rejects.toThrow(/terminated|aborted|fetch failed|socket/),
    );
    finish();

    expect(await asked).toMatchObject({ status: 200, body: "done" });
    await closed;
  });

  test("cuts what lasts longer than the deadline", async () => {
    const source = new PassThrough();
    const log = route({
      ...doing(() => 0),
      returns: "text",
      handle: () => source,
    });
    const api = await startApi({ routes: { log } });

    const response = await fetch(`${api.address}/doing`);
    await api.close(20);

    await expect(response.text()).rejects.toThrow(/terminated|aborted|fetch failed|socket/);
    await vi.waitFor(() => expect(source.destroyed).toBe(true), 20_000);
  });

  test("a port in use is named when starting", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    const { listen } = await import("../../api/listen.ts");
    const { createApp } = await import("../../api/app.ts");
    const { services } = await startApi({ routes: {} });
    services.metrics.clear();
    const app = createApp({}, services, { authenticate: () => Promise.reject(new Error()) });

    await expect(listen(app, { host: "127.0.0.1", port })).rejects.toThrow(
      new RegExp(`PORT: ${port} .* in use`),
    );
    other.close();
  });
});
