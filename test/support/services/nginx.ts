import type { TestProject } from "vitest/node";
import { type Needed, provideProgram } from "./programs.ts";

/** Any that was built with its standard modules. */
const NGINX: Needed = { names: ["nginx"], debian: "nginx-light" };

/** vitest global set-up: nginx can be started; each test starts its own. */
export async function setup(project: TestProject): Promise<void> {
  project.provide("nginx", { path: await provideProgram(NGINX) });
}
