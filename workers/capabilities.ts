import { isAbsolute } from "node:path";
import { access } from "node:fs/promises";
import { listPipelineVersions } from "../models/pipelines.ts";
import { BadConfiguration, type Env } from "../platform/env.ts";
import type { Keys } from "../platform/keys.ts";
import type { Shell } from "../platform/shell.ts";

/** The programs that build APKs, and the Debian packages they come in. */
const ANDROID_TOOLS = ["aapt", "zipalign", "apksigner"];

/** What a build worker can do on this machine. */
export interface Capabilities {
  buildsApks: boolean;
  /** What works, but not as well as it could, in sentences. */
  warnings: string[];
}

/** Of a worker that serves no build queue: it needs no tools, so that it lacks none. */
export const NO_TOOLS: Capabilities = { buildsApks: false, warnings: [] };

/**
 * Looks for the programs that the configured steps need. What the configuration names and the machine lacks is a
 * `BadConfiguration`; missing Android tools only mean that this worker cannot build APKs.
 */
export async function findCapabilities(env: Env, keys: Keys, shell: Shell): Promise<Capabilities> {
  const faults: string[] = [];
  if (env.SCAN_SIGNATURES) {
    if (!(await shell.find("clamscan"))) {
      faults.push("SCAN_SIGNATURES: needs clamscan. Install the Debian package clamav.");
    }
    if (!(await exists(env.SCAN_SIGNATURES))) {
      faults.push("SCAN_SIGNATURES: there is no such folder.");
    }
  }
  const harden = env.HARDEN_COMMAND?.[0];
  if (harden && !(await (isAbsolute(harden) ? exists(harden) : shell.find(harden)))) {
    faults.push("HARDEN_COMMAND: its program is not on this machine. Install it or name its path.");
  }
  if (env.SIGNING_KEYSTORE && !(await exists(env.SIGNING_KEYSTORE))) {
    faults.push("SIGNING_KEYSTORE: there is no such file.");
  }
  if (faults.length > 0) throw new BadConfiguration(faults);

  const missing: string[] = [];
  for (const tool of ANDROID_TOOLS) if (!(await shell.find(tool))) missing.push(tool);
  const warnings: string[] = [];
  if (missing.length > 0) {
    warnings.push(
      `APKs cannot be processed: ${missing.join(", ")} missing. Install the Debian packages ${ANDROID_TOOLS.join(", ")}.`,
    );
  } else if (!keys.signing) {
    const reason = keys.signingProblem ?? "no keystore";
    warnings.push(`APKs cannot be signed: ${reason}. Give SIGNING_KEYSTORE or install a JRE.`);
  }
  if (shell.sandbox === "none") {
    warnings.push("Tools run without a sandbox. Install the Debian package bubblewrap.");
  }
  return { buildsApks: missing.length === 0 && keys.signing !== undefined, warnings };
}

/** Of the programs that pipelines need, those that this machine has. */
export async function findTools(shell: Shell): Promise<string[]> {
  const pipelines = await listPipelineVersions();
  const needed = new Set([
    ...ANDROID_TOOLS,
    ...pipelines.flatMap(({ definition }) => definition.steps.flatMap(({ tools }) => tools)),
  ]);
  const found: string[] = [];
  for (const tool of needed) if (await shell.find(tool)) found.push(tool);
  return found;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
