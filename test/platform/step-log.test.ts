import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { openStepLog } from "../../platform/step-log.ts";

/** A log whose writes are kept; each takes a moment, as a database does. */
function makeLog(given: Partial<Parameters<typeof openStepLog>[0]> = {}) {
  const writes: string[] = [];
  const log = openStepLog({
    limitBytes: 1024 * 1024,
    redact: [],
    flushMs: 10,
    async write(text) {
      await delay(1);
      writes.push(text);
    },
    ...given,
  });
  return { log, writes, text: () => writes.join("") };
}

describe("a step's log", () => {
  test("is written while the step runs, in order, lines together", async () => {
    const { log, writes, text } = makeLog();

    log.line("one");
    log.line("two");
    await delay(100);

    expect(writes).toEqual(["one\ntwo\n"]);
    log.line("three");
    expect(await log.close()).toEqual({ bytes: 14, cutBytes: 0 });
    expect(text()).toBe("one\ntwo\nthree\n");
  });

  test("is written one piece at a time, and early when there is much of it", async () => {
    let writing = 0;
    let most = 0;
    const sizes: number[] = [];
    const { log } = makeLog({
      flushMs: 60_000,
      async write(text) {
        most = Math.max(most, ++writing);
        await delay(5);
        sizes.push(text.length);
        writing--;
      },
    });

    for (let number = 0; number < 20; number++) log.line("x".repeat(8191));
    await log.close();

    expect(most).toBe(1);
    expect(sizes).toEqual(Array(10).fill(16 * 1024));
  });

  test("of nothing is nothing", async () => {
    const { log, writes } = makeLog();

    expect(await log.close()).toEqual({ bytes: 0, cutBytes: 0 });
    expect(writes).toEqual([]);
  });

  test("of exactly the limit is whole; one byte more cuts out of its middle", async () => {
    const whole = makeLog({ limitBytes: 40 });
    const over = makeLog({ limitBytes: 40 });

    for (const line of ["a", "b", "c", "d"]) whole.log.line(line.repeat(9));
    for (const line of ["a", "b", "c", "d", "e"]) over.log.line(line.repeat(9));

    expect(await whole.log.close()).toEqual({ bytes: 40, cutBytes: 0 });
    expect(await over.log.close()).toEqual({ bytes: 40, cutBytes: 10 });
    expect(over.text()).toBe("aaaaaaaaa\nbbbbbbbbb\n… 10 bytes cut …\nddddddddd\neeeeeeeee\n");
  });

  test("of a flood of 1 GiB keeps its head and tail, and little memory", async () => {
    const { log, writes, text } = makeLog();
    const line = "0123456789abcdef".repeat(512).slice(1);
    const before = process.memoryUsage().rss;

    log.line("the beginning");
    for (let number = 0; number < 131_072; number++) log.line(line);
    log.line("the end");
    const { bytes, cutBytes } = await log.close();

    expect(bytes + cutBytes).toBe(1024 ** 3 + "the beginning\nthe end\n".length);
    expect(bytes).toBeLessThanOrEqual(1024 * 1024);
    expect(bytes).toBeGreaterThan(1000 * 1024);
    expect(text()).toMatch(/^the beginning\n[^]*\n… \d+ bytes cut …\n[^]*\nthe end\n$/);
    expect(Math.max(...writes.map((write) => write.length))).toBeLessThan(32 * 1024);
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 * 1024);
  });

  test("does not cut characters in two", async () => {
    const { log, text } = makeLog();

    log.line("包".repeat(20_000));
    await log.close();

    expect(text()).toMatch(/^包+\n$/);
    expect(Buffer.byteLength(text())).toBeGreaterThan(16_000);
  });

  test("shows no colours and no commands to a terminal", async () => {
    const { log, text } = makeLog();

    log.line("\u001B[31mred\u001B[0m\u0000\u0007\ttab");
    await log.close();

    expect(text()).toBe("red\ttab\n");
  });

  test("tells at its end that it could not be written", async () => {
    const { log } = makeLog({ write: () => Promise.reject(new Error("database gone")) });

    log.line("one");
    await delay(50);
    log.line("two");

    await expect(log.close()).rejects.toThrow("database gone");
  });
});

describe("a step's log does not contain", () => {
  const secret = 'k3y/store "pass"+word';

  test.each([
    ["a secret", `opened with ${secret}, twice: ${secret}`],
    ["a secret in an address", `GET /?p=${encodeURIComponent(secret)}`],
    ["a secret in JSON", JSON.stringify({ it: secret })],
    ["a secret in base64", Buffer.from(secret).toString("base64")],
    ["a secret with colours in it", secret.replace("store", "\u001B[1mstore\u001B[0m")],
    [
      "a secret cut in two at the end of an overlong line",
      `x${secret.slice(0, 12)} … 99 bytes cut …`,
    ],
  ])("%s", async (_, line) => {
    const { log, text } = makeLog({ redact: ["", "x", secret] });

    log.line(line);
    await log.close();

    expect(text()).toContain("***");
    expect(text()).not.toMatch(/k3y|word|store/);
  });

  test.each([
    ["Authorization: Basic QWxhZGRpbjpvcGVu", "Authorization: ***\n"],
    ["curl -H 'authorization: Bearer abcdefgh12345678'", "curl -H 'authorization: ***'\n"],
    ["got Bearer abcdefgh12345678", "got Bearer ***\n"],
    ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl!", "eyJ***!\n"],
    ["key AKIAIOSFODNN7EXAMPLE used", "key AKIA*** used\n"],
    ["mysql://root:hunter2@db/longhaul", "mysql://root:***@db/longhaul\n"],
    ["--ks-pass pass:hunter2 --out x", "--ks-pass pass:*** --out x\n"],
    ['{"password": "hun ter2", "ok": true}', '{"password": ***, "ok": true}\n'],
    ["STORE_PASSWORD=hunter2;x", "STORE_PASSWORD=***;x\n"],
    ["api_key=hunter2&page=2", "api_key=***&page=2\n"],
    ["Basic constraints are met: 12 tokens", "Basic constraints are met: 12 tokens\n"],
    [
      "package: name='com.example' versionCode='7'",
      "package: name='com.example' versionCode='7'\n",
    ],
  ])("what looks like one: %s", async (line, shown) => {
    const { log, text } = makeLog();

    log.line(line);
    await log.close();

    expect(text()).toBe(shown);
  });

  test("a private key", async () => {
    const { log, text } = makeLog();

    for (const line of [
      "before",
      "-----BEGIN RSA PRIVATE KEY-----",
      "MIIEow",
      "x=",
      "-----END RSA PRIVATE KEY-----",
      "after",
    ])
      log.line(line);
    await log.close();

    expect(text()).toBe("before\n***\n***\n***\n***\nafter\n");
  });
});
