import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";

/** Passes two points in a process of its own; answers what it said before it ended, and how it ended. */
function pass(order: string) {
  const faults = pathToFileURL("platform/faults.ts").href;
  const program = `
    import { openFaults } from ${JSON.stringify(faults)};
    const fault = openFaults(${JSON.stringify(order)});
    fault("claim/begun"); console.log("claimed");
    fault("switch/done"); console.log("switched");`;
  const node = ["--import", "tsx", "--input-type=module", "-e", program];
  const { stdout, signal } = spawnSync(process.execPath, node, { encoding: "utf8" });
  return { said: stdout.split("\n").filter(Boolean), signal };
}

test("a process kills itself at the point that is ordered, once, and nowhere else", async () => {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-faults-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const order = join(folder, "order");

  expect(pass(order)).toEqual({ said: ["claimed", "switched"], signal: null });
  await writeFile(order, "switch/done");
  expect(pass(order)).toEqual({ said: ["claimed"], signal: "SIGKILL" });
  expect(existsSync(order)).toBe(false);
  expect(pass(order)).toEqual({ said: ["claimed", "switched"], signal: null });
});
