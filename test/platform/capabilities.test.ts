import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { BadConfiguration, readEnv } from "../../platform/env.ts";
import type { Keys } from "../../platform/keys.ts";
import type { Shell } from "../../platform/shell.ts";
import { findCapabilities } from "../../workers/capabilities.ts";

const KEYS: Keys = {
  secretKey: "unused",
  signing: { keystore: "signing.p12", password: "unused", alias: "longhaul" },
  made: [],
};

/** A machine that has these programs. */
function machineWith(...programs: string[]): Shell {
  return {
    sandbox: "bubblewrap",
    find: async (program) => (programs.includes(program) ? `/usr/bin/${program}` : undefined),
    run: () => Promise.reject(new Error("nothing is run")),
    withScratch: () => Promise.reject(new Error("nothing is written")),
  };
}

async function faultsOf(variables: Record<string, string>, machine: Shell): Promise<string[]> {
  const error = await findCapabilities(readEnv(variables), KEYS, machine).catch(
    (refused: unknown) => refused,
  );
  return error instanceof BadConfiguration ? error.faults : [];
}

test("a worker without what its configuration names ends, and says what to install or mend", async () => {
  const variables = {
    SCAN_SIGNATURES: "/missing/signatures",
    HARDEN_COMMAND: '["protect","{input}","{output}"]',
    SIGNING_KEYSTORE: "/missing/keystore.p12",
    SIGNING_KEYSTORE_PASSWORD: "a password",
  };

  const faults = await faultsOf(variables, machineWith());

  expect(faults).toEqual([
    "SCAN_SIGNATURES: needs clamscan. Install the Debian package clamav.",
    "SCAN_SIGNATURES: there is no such folder.",
    "HARDEN_COMMAND: its program is not on this machine. Install it or name its path.",
    "SIGNING_KEYSTORE: there is no such file.",
  ]);
});

test("a worker that has what its configuration names starts", async () => {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-signatures-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const variables = {
    SCAN_SIGNATURES: folder,
    HARDEN_COMMAND: '["protect","{input}","{output}"]',
  };

  expect(await faultsOf(variables, machineWith("clamscan", "protect"))).toEqual([]);
});

test("a machine without Android tools works, builds no APKs and says what to install", async () => {
  const { buildsApks, warnings } = await findCapabilities(readEnv({}), KEYS, machineWith("aapt"));

  expect(buildsApks).toBe(false);
  expect(warnings).toEqual([
    "APKs cannot be processed: zipalign, apksigner missing. Install the Debian packages aapt, zipalign, apksigner.",
  ]);
});

test("a machine with the tools but no key to sign with builds no APKs and says why", async () => {
  const keys: Keys = { ...KEYS, signing: undefined, signingProblem: "keytool is not on PATH" };
  const machine = machineWith("aapt", "zipalign", "apksigner");

  const { buildsApks, warnings } = await findCapabilities(readEnv({}), keys, machine);

  expect(buildsApks).toBe(false);
  expect(warnings).toEqual([expect.stringContaining("keytool is not on PATH")]);
});
