import { mkdtemp } from "node:fs/promises";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";
import { runProgram } from "../../../platform/programs.ts";

const PROJECT_FOLDER = fileURLToPath(new URL("../../..", import.meta.url));

/** vitest global set-up: the workflows are bundled. */
export async function setup(project: TestProject): Promise<void> {
  project.provide("workflowBundle", { codePath: await workflowBundle() });
}

/** The file of the bundle that all tests of this run share, made from the sources as they are. */
export async function workflowBundle(): Promise<string> {
  process.env["TEST_WORKFLOW_BUNDLE"] ||= await bundleWorkflows();
  return process.env["TEST_WORKFLOW_BUNDLE"];
}

async function bundleWorkflows(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-bundle-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const codePath = join(folder, "workflow-bundle.js");
  const args = ["--import", "tsx", "scripts/bundle.ts", codePath];
  const running = { env: process.env, folder: PROJECT_FOLDER, timeoutMs: 120_000 };
  await runProgram(process.execPath, args, running);
  return codePath;
}
