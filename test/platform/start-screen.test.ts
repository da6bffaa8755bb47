import { createServer } from "node:net";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openPartLog } from "../../supervisor/part-log.ts";
import { choosePorts, PortsInUse } from "../../supervisor/ports.ts";
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

  test("keeps one line of progress on a terminal, and now and then a line in a file", () => {
    const terminal = open("en", { isTTY: true, columns: 20 });
    const file = open("en");

    for (let seconds = 1; seconds <= 12; seconds++) {
      terminal.onProgress({ step: "building", seconds });
      file.onProgress({ step: "building", seconds });
    }

    expect(terminal.text()).not.toContain("\n");
    expect(terminal.text()).toContain("Building: 12 s");
    expect(file.text()).toBe("Building: 1 s\nBuilding: 10 s\n");
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
