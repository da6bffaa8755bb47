import { execFile } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { link, mkdir, open, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Env, SigningSettings } from "./env.ts";

/** The keys of one platform. Losing them loses every sign-in, every sealed secret and the right to update a signed app. */
export interface Keys {
  secretKey: string;
  /** Undefined when none was given and none could be made; `signingProblem` then says why. */
  signing: SigningSettings | undefined;
  signingProblem?: string;
  /** The files that this call made: worth telling a person to back up. */
  made: string[];
}

/**
 * The given keys, and for each that was not given one that is made once under `keys/` in the data
 * folder. Any number of processes may ask at the same time: all get the same keys.
 */
export async function ensureKeys(env: Env): Promise<Keys> {
  const made: string[] = [];
  const folder = join(env.dataFolder, "keys");
  const secretKey = env.SECRET_KEY ?? (await secretIn(folder, "secret-key", made));
  if (env.SIGNING_KEYSTORE && env.SIGNING_KEYSTORE_PASSWORD) {
    const { SIGNING_KEYSTORE: keystore, SIGNING_KEYSTORE_PASSWORD: password } = env;
    return { secretKey, signing: { keystore, password, alias: env.SIGNING_KEY_ALIAS }, made };
  }
  const keystore = join(folder, "signing.p12");
  const password = await secretIn(folder, "signing-password", made);
  try {
    await makeKeystore({ keystore, folder, alias: env.SIGNING_KEY_ALIAS }, made);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const signingProblem = missing ? "keytool is not on PATH" : `keytool: ${lastWords(error)}`;
    return { secretKey, signing: undefined, signingProblem, made };
  }
  return { secretKey, signing: { keystore, password, alias: env.SIGNING_KEY_ALIAS }, made };
}

/** A random text of 43 characters, made when the file is not there yet. */
async function secretIn(folder: string, name: string, made: string[]): Promise<string> {
  const file = join(folder, name);
  if (!(await exists(file))) {
    await createOnce(file, made, async (draft) => {
      const handle = await open(draft, "wx", 0o600);
      try {
        await handle.writeFile(`${randomBytes(32).toString("base64url")}\n`);
        await handle.sync();
      } finally {
        await handle.close();
      }
    });
  }
  const secret = (await readFile(file, "utf8")).trim();
  if (secret.length < 32) throw new Error(`${file} is damaged: bring it back from a backup.`);
  return secret;
}

interface Keystore {
  keystore: string;
  folder: string;
  alias: string;
}

/** The password travels by file: an argument would be readable by everyone on the machine. */
async function makeKeystore({ keystore, folder, alias }: Keystore, made: string[]): Promise<void> {
  if (await exists(keystore)) return;
  await createOnce(keystore, made, async (draft) => {
    const store = ["-keystore", draft, "-storetype", "PKCS12"];
    const password = ["-storepass:file", join(folder, "signing-password")];
    const key = ["-alias", alias, "-keyalg", "RSA", "-keysize", "3072", "-validity", "10950"];
    const run = promisify(execFile);
    await run("keytool", ["-genkeypair", ...store, ...password, ...key, "-dname", "CN=Longhaul"], {
      timeout: 60_000,
    });
    const handle = await open(draft, "r+");
    try {
      await handle.chmod(0o600);
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

/** Whoever links first wins; the file appears whole or not at all, and is never replaced. */
async function createOnce(
  file: string,
  made: string[],
  write: (draft: string) => Promise<void>,
): Promise<void> {
  await mkdir(join(file, ".."), { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomUUID()}`;
  try {
    await write(draft);
    await link(draft, file);
    made.push(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** keytool explains itself on stdout. */
function lastWords(error: unknown): string {
  const { stdout, message } = error as { stdout?: string; message: string };
  return stdout?.trim().split("\n").at(-1) || message.split("\n")[0]!;
}
