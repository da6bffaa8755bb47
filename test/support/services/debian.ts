import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { withLock } from "../../../platform/lock.ts";
import { findProgram, runProgram } from "../../../platform/programs.ts";
import { cacheFolder } from "./environment.ts";

const INSTALL_MS = 1_200_000;

/** True where `installDebianPackages` can work: Debian or a child of it, as root. */
export async function canInstallDebianPackages(): Promise<boolean> {
  return process.getuid?.() === 0 && (await findProgram("apt-get", process.env)) !== undefined;
}

/** Installs Debian packages without starting what they serve. Waits for another installation to end. */
export async function installDebianPackages(packages: readonly string[]): Promise<void> {
  const apt = (...words: string[]) =>
    runProgram("apt-get", ["-o", "DPkg::Lock::Timeout=600", ...words], {
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      timeoutMs: INSTALL_MS,
    });
  const install = () => apt("install", "-y", "--no-install-recommends", ...packages);
  await withLock(cacheFolder(), "debian-packages", () =>
    withServiceStartDenied(async () => {
      // A fresh image has no package lists yet, an old one has outlived ones.
      await install().catch(() => apt("update").then(install));
    }),
  );
}

/** Debian starts a server as soon as it is installed, unless this program forbids it with code 101. */
const POLICY = "/usr/sbin/policy-rc.d";

async function withServiceStartDenied(body: () => Promise<void>): Promise<void> {
  if (spawnSync(POLICY, ["any-server", "start"]).status === 101) return body();
  const aside = existsSync(POLICY) ? `${POLICY}.aside` : undefined;
  if (aside) await rename(POLICY, aside);
  try {
    await writeFile(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
    await body();
  } finally {
    await (aside ? rename(aside, POLICY) : rm(POLICY, { force: true }));
  }
}
