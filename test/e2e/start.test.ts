import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { identify } from "../../platform/process-table.ts";
import { makeHome, startPlatform, untilUp } from "../support/platforms.ts";

const PASSWORD = /Password +(\S{20}) /;

async function signIn(url: string, password: string): Promise<number> {
  const response = await fetch(`${url}/api/v1/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username: "admin", password }),
  });
  return response.status;
}

/** The processes that a data folder's platform has written down. */
async function recorded(dataFolder: string): Promise<number[]> {
  const names = await readdir(join(dataFolder, "run"));
  return names.filter((name) => name.endsWith(".json")).map((name) => Number.parseInt(name));
}

async function alive(pids: readonly number[]): Promise<number[]> {
  const found = await Promise.all(pids.map(identify));
  return found.filter((process) => process !== undefined).map(({ pid }) => pid);
}

describe("npm start", () => {
  test("shows the administrator's sign-in once, and finds everything again", async () => {
    const home = await makeHome();

    const first = startPlatform(home);
    await untilUp(first);
    const password = PASSWORD.exec(first.screen())![1]!;
    const firstSignIn = await signIn(home.url, password);
    first.supervisor.kill("SIGTERM");
    const firstEnd = await first.ended;
    const second = startPlatform(home);
    await untilUp(second);

    expect(firstSignIn).toBe(200);
    expect(firstEnd).toBe(0);
    expect(second.screen()).not.toMatch(/Password/);
    expect(await signIn(home.url, password)).toBe(200);
    for (const name of await readdir(join(home.dataFolder, "logs"))) {
      expect(await readFile(join(home.dataFolder, "logs", name), "utf8")).not.toContain(password);
    }
  });

  test("shows the addresses of what it started, and they answer", async () => {
    const home = await makeHome();
    const platform = startPlatform(home);
    await untilUp(platform);

    const addresses = platform.screen().match(/http:\/\/\S+/g)!;

    expect(addresses).toContain(`${home.url}/docs`);
    for (const address of addresses) {
      expect(`${address} ${(await fetch(address, { method: "GET" })).status < 500}`).toBe(
        `${address} true`,
      );
    }
    expect((await fetch(`${home.url}/ready`)).status).toBe(200);
  });

  test("leaves no process when a signal ends it, or when it is killed", async () => {
    const home = await makeHome();
    const stopped = startPlatform(home);
    await untilUp(stopped);
    const ofStopped = await recorded(home.dataFolder);
    stopped.supervisor.kill("SIGINT");
    stopped.supervisor.kill("SIGINT");

    expect(await stopped.ended).toBe(0);
    expect(ofStopped).toHaveLength(3);
    expect(await alive(ofStopped)).toEqual([]);

    const killed = startPlatform(home);
    await untilUp(killed);
    const ofKilled = await recorded(home.dataFolder);
    killed.supervisor.kill("SIGKILL");
    await killed.ended;

    await vi.waitFor(async () => expect(await alive(ofKilled)).toEqual([]), 10_000);
    const next = startPlatform(home);
    await untilUp(next);
    expect((await fetch(`${home.url}/ready`)).status).toBe(200);
  });

  test("starts two platforms side by side, and names the ports that another one has", async () => {
    const [home, neighbour, stranger] = [await makeHome(), await makeHome(), await makeHome()];
    const platforms = [startPlatform(home), startPlatform(neighbour)];
    await Promise.all(platforms.map(untilUp));

    const { PORT, TEMPORAL_PORT } = home.env;
    const refused = startPlatform({
      ...stranger,
      env: { ...stranger.env, PORT: PORT!, TEMPORAL_PORT: TEMPORAL_PORT! },
    });

    expect(await refused.ended).toBe(1);
    expect(refused.screen()).toContain(`port ${PORT} is in use`);
    expect(refused.screen()).toContain(`port ${TEMPORAL_PORT} is in use`);
    expect((await fetch(`${neighbour.url}/ready`)).status).toBe(200);
  });

  test("brings back Temporal, worker and API when they are killed", async () => {
    const home = await makeHome();
    const platform = startPlatform(home);
    await untilUp(platform);

    for (const pid of await recorded(home.dataFolder)) process.kill(pid, "SIGKILL");

    await vi.waitFor(() => {
      for (const part of ["temporal", "worker", "api"]) {
        expect(platform.screen()).toContain(`${part} is back.`);
      }
    }, 60_000);
    await vi.waitFor(
      async () => expect((await fetch(`${home.url}/ready`)).status).toBe(200),
      30_000,
    );
  });

  test("ends with 78 and all faults when the configuration is wrong", async () => {
    const home = await makeHome();

    const platform = startPlatform({
      ...home,
      env: { ...home.env, PORT: "many", LOG_LEVEL: "all" },
    });

    expect(await platform.ended).toBe(78);
    expect(platform.screen()).toMatch(/PORT: [\s\S]*LOG_LEVEL: /);
    expect(await readdir(home.dataFolder)).toEqual([]);
  });
});
