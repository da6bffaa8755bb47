import type { PackageType } from "./packages.ts";
import { HARDENER, type Pipeline, type PipelineStep } from "./pipelines.ts";

const step = (
  given: Pick<PipelineStep, "name" | "kind" | "command"> & Partial<PipelineStep>,
): PipelineStep => ({
  timeoutSeconds: 1800,
  retry: { tries: 3, pauseSeconds: 1 },
  exitCodes: { "0": "ok" },
  tools: given.command.slice(0, 1).filter((program) => !program.startsWith("{")),
  env: {},
  captures: [],
  ...given,
});

const harden = step({
  name: "harden",
  kind: "harden",
  command: [`{${HARDENER}}`],
  timeoutSeconds: 7200,
  when: HARDENER,
});

const align = step({
  name: "align",
  kind: "align",
  command: ["zipalign", "-f", "-p", "4", "{input}", "{output}"],
});

const signApk = step({
  name: "sign",
  kind: "sign",
  command: [
    "apksigner",
    "sign",
    "--ks",
    "{file:signing-keystore}",
    "--ks-key-alias",
    "{value:signing-alias}",
    "--ks-pass",
    "env:KEYSTORE_PASSWORD",
    "--key-pass",
    "env:KEYSTORE_PASSWORD",
    "--out",
    "{output}",
    "{input}",
  ],
  env: { KEYSTORE_PASSWORD: { secret: "signing-password" } },
});

const verifyApk = step({
  name: "verify",
  kind: "check",
  command: ["apksigner", "verify", "--print-certs", "{input}"],
  captures: [{ fact: "signer_sha256", pattern: "certificate SHA-256 digest: ([0-9a-f]{64})" }],
});

const signExe = step({
  name: "sign",
  kind: "sign",
  command: [
    "osslsigncode",
    "sign",
    "-pkcs12",
    "{file:signing-keystore}",
    "-readpass",
    "{secret-file:signing-password}",
    "-h",
    "sha256",
    "-in",
    "{input}",
    "-out",
    "{output}",
  ],
});

/** Only against authorities that somebody has named: the signature of a key that vouches for itself proves nothing. */
const verifyExe = step({
  name: "verify",
  kind: "check",
  command: ["osslsigncode", "verify", "-CAfile", "{file:signing-authorities}", "-in", "{input}"],
  captures: [{ fact: "signer", pattern: "Subject: (.+)" }],
  when: "file:signing-authorities",
});

const protect = step({
  name: "protect",
  kind: "harden",
  command: ["protect", "--apk", "{input}", "--output", "{output}"],
  timeoutSeconds: 7200,
});

const archive = (types: PackageType[]): Pipeline => ({
  description: "Harden, where a hardening tool is configured.",
  types,
  steps: [harden],
});

/** What new platforms have, by name. A package that chooses none goes through the one named like its type. */
export const SHIPPED_PIPELINES: Readonly<Record<string, Pipeline>> = {
  apk: {
    description:
      "Harden, where a hardening tool is configured; align, sign, and verify the signature.",
    types: ["apk"],
    steps: [harden, align, signApk, verifyApk],
  },
  ipa: archive(["ipa"]),
  zip: archive(["zip"]),
  exe: {
    description:
      "Harden, where a hardening tool is configured; sign, and verify against signing-authorities.",
    types: ["exe"],
    steps: [harden, signExe, verifyExe],
  },
  "apk-protect": {
    description: "A template for hardening tools that are called as protect --apk IN --output OUT.",
    types: ["apk"],
    steps: [protect, align, signApk, verifyApk],
  },
};
