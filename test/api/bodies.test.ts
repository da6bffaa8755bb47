import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { ADMIN, startApi } from "../support/api.ts";
import { send, sendBytes } from "../support/http.ts";
import { things } from "../support/things.ts";

describe("a body", () => {
  async function post(body: string | Buffer, headers: Record<string, string> = {}) {
    const api = await startApi({ routes: things });
    const answer = await send(api.address, {
      method: "POST",
      path: "/things/1",
      headers: {
        Authorization: `Bearer ${api.tokenOf(ADMIN)}`,
        "Content-Type": "application/json",
        ...headers,
      },
      body,
    });
    return { ...answer, body: JSON.parse(answer.text) as { code: string } };
  }

  test("of valid JSON is taken", async () => {
    const { status, headers, text } = await post('{"name":"一","count":2}');

    expect({ status, text, location: headers.location }).toEqual({
      status: 201,
      text: '{"id":"一"}',
      location: "/things/1",
    });
  });

  test("of malformed JSON is refused with 400", async () => {
    expect(await post('{"name":')).toMatchObject({
      status: 400,
      body: { code: "request/malformed" },
    });
  });

  test("that is not UTF-8 is refused with 400", async () => {
    const latin1 = Buffer.from('{"name":"é","count":1}', "latin1");

    expect(await post(latin1)).toMatchObject({ status: 400, body: { code: "request/malformed" } });
  });

  test.each([
    ["another type", { "Content-Type": "text/plain" }],
    ["another charset", { "Content-Type": "application/json; charset=gbk" }],
    ["a content coding", { "Content-Encoding": "gzip" }],
  ])("of %s is refused with 415", async (_, headers) => {
    expect(await post("{}", headers)).toMatchObject({
      status: 415,
      body: { code: "request/unsupported-media-type" },
    });
  });

  test("with its charset named UTF-8 is taken", async () => {
    const { status } = await post('{"name":"a","count":1}', {
      "Content-Type": "application/json; charset=UTF-8",
    });

    expect(status).toBe(201);
  });

  test("that says it is too large is refused with 413 before it is read", async () => {
    expect(await post("x".repeat(1024 * 1024 + 1))).toMatchObject({
      status: 413,
      body: { code: "request/too-large" },
    });
  });

  test("that turns out too large while it comes is refused with 413", async () => {
    const api = await startApi({ routes: things });
    const chunk = "x".repeat(64 * 1024);
    const size = chunk.length.toString(16);
    const token = api.tokenOf(ADMIN);

    const answer = await sendBytes(
      api.address,
      `POST /things/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
      ...Array.from({ length: 20 }, () => `${size}\r\n${chunk}\r\n`),
    );

    expect(answer).toContain("HTTP/1.1 413");
    expect(answer).toContain("request/too-large");
    expect(answer).toMatch(/connection: close/i);
  });

  test("is not asked for when the request is refused anyway", async () => {
    const api = await startApi({ routes: things });
    const { hostname, port } = new URL(api.address);
    const socket = connect(Number(port), hostname);

    socket.write(
      "POST /things/1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n",
    );
    const [first] = (await once(socket, "data")) as [Buffer];
    socket.destroy();

    expect(first.toString()).toContain("HTTP/1.1 401");
    expect(first.toString()).not.toContain("100 Continue");
  });

  test("is asked for when the client waits and the request is right so far", async () => {
    const api = await startApi({ routes: things });
    const body = '{"name":"a","count":1}';
    const { hostname, port } = new URL(api.address);
    const socket = connect(Number(port), hostname);

    socket.write(
      `POST /things/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.tokenOf(ADMIN)}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
    );
    const [go] = (await once(socket, "data")) as [Buffer];
    socket.write(body);
    const [answer] = (await once(socket, "data")) as [Buffer];
    socket.destroy();

    expect(go.toString()).toContain("100 Continue");
    expect(answer.toString()).toContain("HTTP/1.1 201");
  });

  test("that nobody wants does not stand in the way of the next request on its connection", async () => {
    const api = await startApi({ routes: things });
    const body = "x".repeat(40_000);

    const answer = await sendBytes(
      api.address,
      `POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      "GET /things/7 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );

    expect(answer).toContain("HTTP/1.1 404");
    expect(answer).toContain('{"id":"7"}');
  });
});
