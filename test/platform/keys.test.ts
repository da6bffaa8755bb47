import { execFile } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { readEnv } from "../../platform/env.ts";
import { ensureKeys } from "../../platform/keys.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "longhaul-keys-"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

/** A keytool that writes down how it was called: the real one takes a JVM start. */
async function fakeKeytool(body: string): Promise<void> {
  const program = join(folder, "keytool");
  await writeFile(program, `#!/bin/sh\necho "$@" >> ${folder}/calls\n${body}\n`);
  await chmod(program, 0o755);
  vi.stubEnv("PATH", `${folder}:/usr/bin:/bin`);
}
const WRITES_KEYSTORE = `while [ "$1" != -keystore ]; do shift; done\necho store > "$2"`;
const embedded = (more = {}) => readEnv({ LONGHAUL_DATA: join(folder, "data"), ...more });

describe("keys", () => {
  test("are made once and are the same ever after", async () => {
    await fakeKeytool(WRITES_KEYSTORE);

    const first = await ensureKeys(embedded());
    const second = await ensureKeys(embedded());

    expect(first.secretKey).toHaveLength(43);
    expect(first.made.map((file) => file.split("/").at(-1))).toEqual([
      "secret-key",
      "signing-password",
      "signing.p12",
    ]);
    expect(second).toEqual({ ...first, made: [] });
  });

  test("are readable by their owner alone", async () => {
    await fakeKeytool(WRITES_KEYSTORE);

    await ensureKeys(embedded());

    const keys = join(folder, "data/keys");
    expect((await stat(keys)).mode & 0o777).toBe(0o700);
    for (const name of await readdir(keys)) {
      expect((await stat(join(keys, name))).mode & 0o777).toBe(0o600);
    }
  });

  test("are the same for processes that make them at the same time", async () => {
    await fakeKeytool(WRITES_KEYSTORE);

    const all = await Promise.all(Array.from({ length: 8 }, () => ensureKeys(embedded())));

    expect(new Set(all.map((keys) => keys.secretKey))).toHaveProperty("size", 1);
    expect(new Set(all.map((keys) => keys.signing?.password))).toHaveProperty("size", 1);
    expect(await readdir(join(folder, "data/keys"))).toHaveLength(3);
    expect(all.flatMap((keys) => keys.made)).toHaveLength(3);
  });

  test("never put the password of the keystore into a command line", async () => {
    await fakeKeytool(WRITES_KEYSTORE);

    const { signing } = await ensureKeys(embedded());

    expect(await readFile(join(folder, "calls"), "utf8")).not.toContain(signing!.password);
  });

  test("that are given are used, and nothing is made", async () => {
    const keys = await ensureKeys(
      embedded({
        SECRET_KEY: "s".repeat(32),
        SIGNING_KEYSTORE: "/keys/release.jks",
        SIGNING_KEYSTORE_PASSWORD: "password",
        SIGNING_KEY_ALIAS: "release",
      }),
    );

    expect(keys).toEqual({
      secretKey: "s".repeat(32),
      signing: { keystore: "/keys/release.jks", password: "password", alias: "release" },
      made: [],
    });
    await expect(readdir(join(folder, "data"))).rejects.toThrow("ENOENT");
  });

  test("come without a keystore, and say why, where there is no keytool", async () => {
    vi.stubEnv("PATH", folder);

    const keys = await ensureKeys(embedded());

    expect(keys).toMatchObject({
      signing: undefined,
      signingProblem: "keytool is not on PATH",
    });
  });

  test("leave nothing half made behind when keytool fails", async () => {
    await fakeKeytool("echo 'keytool error: no room'; exit 1");

    const keys = await ensureKeys(embedded());

    expect(keys).toMatchObject({
      signing: undefined,
      signingProblem: "keytool: keytool error: no room",
    });
    expect(await readdir(join(folder, "data/keys"))).toEqual(["secret-key", "signing-password"]);
  });

  test("that are damaged stop the platform instead of being made anew", async () => {
    await ensureKeys(embedded());
    await writeFile(join(folder, "data/keys/secret-key"), "\n");

    await expect(ensureKeys(embedded())).rejects.toThrow("is damaged");
  });

  test("open a keystore of the real keytool", async () => {
    const { signing, signingProblem } = await ensureKeys(embedded());
    expect(signingProblem).toBeUndefined();

    const listing = ["-list", "-v", "-keystore", signing!.keystore, "-alias", signing!.alias];
    const password = ["-storepass:file", join(folder, "data/keys/signing-password")];
    const { stdout } = await promisify(execFile)("keytool", [...listing, ...password]);

    expect(stdout).toContain("3072-bit RSA");
  });
});
