import { describe, expect, onTestFinished, test } from "vitest";
import { makePlatform, type Platform } from "../support/platform.ts";
import { startProgram } from "../support/started.ts";
import { until } from "../support/until.ts";

async function makeOwnPlatform(): Promise<Platform> {
  const platform = await makePlatform();
  onTestFinished(() => platform.remove());
  return platform;
}

describe("npm start", () => {
  test("in a folder where one runs says which process that is, and leaves it alone", async () => {
    const platform = await makeOwnPlatform();
    await platform.start();
    const { pid } = platform.supervisor();

    const second = await startProgram(["npm", "start"], platform.variables);

    expect(await second.ended).toBe(1);
    expect(second.said()).toContain(`runs already in ${platform.folder}, as process ${pid}`);
    expect((await fetch(`${platform.address}/ready`)).status).toBe(200);
  });

  test("ends everything at the Ctrl-C of a terminal, which arrives twice, and comes up again", async () => {
    const platform = await makeOwnPlatform();
    const npm = await startProgram(["npm", "start"], platform.variables);
    await npm.saying(/ is up\./);

    // A terminal tells everybody in front of it, and npm tells its child.
    process.kill(-npm.pid, "SIGINT");

    expect(await npm.ended).toBe(0);
    await until(async () => (await platform.processes()).length === 0);
    expect(npm.said()).not.toContain("by force");
    const { answeredMs, readyMs } = await platform.start();
    console.log(`again: the API answers after ${answeredMs} ms, all is ready after ${readyMs} ms`);
    expect(platform.supervisor().said()).not.toContain("Building");
  });
});
