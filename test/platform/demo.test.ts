import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";

const DEMO = fileURLToPath(new URL("../../scripts/demo.ts", import.meta.url));

test("the demo of a platform that does not run says what to do, and leaves nothing behind", async () => {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-demo-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const data = join(folder, "data");
  const env = { ...process.env, LONGHAUL_DATA: data, PUBLIC_URL: "http://127.0.0.1:1" };

  const { status, stdout } = spawnSync(process.execPath, ["--import", "tsx", DEMO], { env });

  expect(status).toBe(1);
  expect(stdout.toString()).toBe('Nothing answers at http://127.0.0.1:1: run "npm start" first.\n');
  expect(existsSync(data)).toBe(false);
});
