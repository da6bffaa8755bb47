import { writeFile } from "node:fs/promises";
import { bundleWorkflowCode, DefaultLogger } from "@temporalio/worker";
import { workflowInterceptorModules, workflowsPath } from "../workers/bundle.ts";

// Made once by the build, so that a worker starts without a bundler: node --import tsx scripts/bundle.ts FILE
const { code } = await bundleWorkflowCode({
  workflowsPath,
  workflowInterceptorModules,
  logger: new DefaultLogger("WARN"),
});
await writeFile(process.argv[2]!, code);
