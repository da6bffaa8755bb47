import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleWorkflowCode, DefaultLogger } from "@temporalio/worker";
import { onTestFinished } from "vitest";

/** Bundles a file of this folder, for workflows that the product does not have; it is gone when the test has finished. */
export async function bundleOf(file: string): Promise<{ codePath: string }> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL(file, import.meta.url)),
    logger: new DefaultLogger("WARN"),
  });
  const folder = await mkdtemp(join(tmpdir(), "longhaul-bundle-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const codePath = join(folder, "bundle.js");
  await writeFile(codePath, code);
  return { codePath };
}
