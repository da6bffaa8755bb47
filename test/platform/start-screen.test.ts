import { createServer } from "node:net";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openPartLog } from "../../supervisor/part-log.ts";
import { choosePorts, PortsInUse } from "../../supervisor/ports.ts";
import { BadConfiguration } from "../../platform/env.ts";
import { NoTemporal } from "../../supervisor/temporal-server.ts";
import { openScreen, type Row } from "../../supervisor/screen.ts";
import { wordsFor } from "../../supervisor/words.ts";

function open(locale: string, terminal: { isTTY?: boolean; columns?: number } = {}) {
  let text = "";
  const screen = openScreen(
    { ...terminal, write: (more) => (text += more) },
    wordsFor(locale),
    "/data",
  );
  return { ...screen, text: () => text };
}

const rows: Row[] = [
  ["api", "http://127.0.0.1:3000"],
  ["keys", "/data/keys", "back this up"],
];

describe("the start screen", () => {
  test("shows the sign-in of a first start, and only once", () => {
    const screen = open("en_US.UTF-8");
    screen.owe({ username: "admin", password: "a-password" });

    screen.showUp({ version: "1.2.3", rows, warnings: ["No Android tools."] });
    screen.onStopping();

    expect(screen.text()).toContain("Longhaul 1.2.3 is up.");
    expect(screen.text()).toMatch(/ {2}API +http:.*\n {2}Keys +\/data\/keys {2}\(back this up\)/);
    expect(screen.text()).toContain("! No Android tools.");
    expect(screen.text().match(/a-password/g)).toHaveLength(1);
  });

  test("shows the sign-in also when nothing comes of the start", () => {
    const screen = open("en");
    screen.owe({ username: "admin", password: "a-password" });

    screen.onFault(new Error("the API has no heart"));

    expect(screen.text()).toMatch(/admin[\s\S]*a-password[\s\S]*the API has no heart/);
  });

  test("does not repeat a password that was given", () => {
    const screen = open("en");
    screen.owe({ username: "admin" });

    screen.showUp({ version: "1", rows, warnings: [] });

    expect(screen.text()).toMatch(/Password +the one in ADMIN_PASSWORD/);
  });

  test("speaks Chinese where the machine does", () => {
    const screen = open("zh_CN.UTF-8");

    screen.showUp({ version: "1.2.3", rows, warnings: [] });

    expect(screen.text()).toContain("Longhaul 1.2.3 已启动。");
    expect(screen.text()).toContain("密钥");
  });

  test("says in the person's language what is wrong with the configuration, and what was tried", () => {
    const screen = open("zh_CN.UTF-8");

    screen.onFault(new BadConfiguration(["HOST: nowhere"]));
    screen.onFault(new NoTemporal(["  - PATH: there is no temporal on it"]));

    expect(screen.text()).toContain("配置无法使用:\n  - HOST: nowhere");
    expect(screen.text()).toMatch(/找不到 Temporal[^]*PATH: there is no[^]*最简单的办法/);
  });

  test("keeps one line of progress on a terminal, and now and then a line in a file", () => {
    const terminal = open("en", { isTTY: true, columns: 20 });
    const file = open("en");

    // The tenth second fell between two looks at the clock.
    for (const seconds of [1, 2, 9, 11, 12]) {
      terminal.onProgress({ step: "building", seconds });
      file.onProgress({ step: "building", seconds });
    }

    expect(terminal.text()).not.toContain("\n");
    expect(terminal.text()).toContain("Building: 12 s");
    expect(file.text()).toBe("Building: 1 s\nBuilding: 11 s\n");
  });

  test("shows a warning that comes again and again once", () => {
    const screen = open("en");

    for (let again = 0; again < 5; again++) screen.onWarning("worker", "the store is slow");

    expect(screen.text()).toBe("worker: the store is slow\n");
  });
});

describe("ports", () => {
  test("that are taken are all named, unless another one will do", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address() as { port: number };
    const want = (variable: string, movable = false) => ({
      variable,
      host: "127.0.0.1",
      port,
      movable,
    });

    const refused = await choosePorts([want("PORT"), want("TEMPORAL_PORT")]).catch(
      (error) => error,
    );
    const [moved] = await choosePorts([want("WORKER_METRICS_PORT", true)]);
    taken.close();

    expect(refused).toBeInstanceOf(PortsInUse);
    expect((refused as Error).message.split("\n")).toEqual([
      `port ${port} (PORT) is in use`,
      `port ${port} (TEMPORAL_PORT) is in use`,
    ]);
    expect(moved).not.toBe(port);
  });

  test("a taken one comes with a hint that is free, and another for each", async () => {
    const want = (port: number) => ({ variable: "PORT", host: "127.0.0.1", port });
    const servers = [createServer(), createServer()];
    const [first] = await choosePorts([want(0)]);
    for (const [at, server] of servers.entries()) {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject).listen(first! + at, "127.0.0.1", resolve);
      });
    }

    const refused = await choosePorts([want(first!), want(first! + 1)]).catch((error) => error);
    const hints = (refused as PortsInUse).wanted.map(({ free }) => free);
    const taken = await choosePorts(hints.map(want));
    for (const server of servers) server.close();

    expect(new Set([first, first! + 1, ...hints]).size).toBe(4);
    expect(taken).toEqual(hints);
  });

  test("of a host that is not this machine are a fault of the configuration", async () => {
    const elsewhere = { variable: "PORT", host: "192.0.2.1", port: 0 };

    await expect(choosePorts([elsewhere])).rejects.toMatchObject({
      faults: ["HOST: 192.0.2.1 is no address of this machine"],
    });
  });

  test("that are wanted twice are not given twice", async () => {
    const [free] = await choosePorts([{ variable: "PORT", host: "127.0.0.1", port: 0 }]);
    const want = (variable: string) => ({ variable, host: "127.0.0.1", port: free! });

    await expect(choosePorts([want("PORT"), want("TEMPORAL_PORT")])).rejects.toThrow(
      `port ${free} (TEMPORAL_PORT) is in use`,
    );
  });
});

describe("the log of a part", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "longhaul-log-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test("begins anew when it is full, and keeps three before it", async () => {
    const log = openPartLog(join(folder, "api.log"), 10);

    for (const line of ["one", "two", "three", "four", "five"])
      log.write(Buffer.from(`${line}-line\n`));
    log.close();

    expect((await readdir(folder)).sort()).toEqual([
      "api.log",
      "api.log.1",
      "api.log.2",
      "api.log.3",
    ]);
    expect(await readFile(join(folder, "api.log"), "utf8")).toBe("five-line\n");
    expect(await readFile(join(folder, "api.log.3"), "utf8")).toBe("two-line\n");
  });
});
