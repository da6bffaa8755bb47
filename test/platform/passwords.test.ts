import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hash } from "@node-rs/argon2";
import { expect, onTestFinished, test } from "vitest";
import { LIMITS } from "../../domain/limits.ts";
import { createPasswords, readBreachedPasswords } from "../../platform/passwords.ts";

test("a password is kept as argon2id with the parameters that OWASP recommends", async () => {
  const kept = await createPasswords().hash("correct horse");

  expect(kept).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
});

test("the right password is accepted, and nothing else", async () => {
  const passwords = createPasswords();
  const kept = await passwords.hash("correct horse é");

  expect(await passwords.verify(kept, "correct horse é")).toBe(true);
  for (const wrong of ["correct horse e", "", "correct horse é "]) {
    expect(await passwords.verify(kept, wrong)).toBe(false);
  }
});

test("every byte of a long password counts", async () => {
  const passwords = createPasswords();
  const long = "x".repeat(199);
  const kept = await passwords.hash(`${long}a`);

  expect(await passwords.verify(kept, `${long}b`)).toBe(false);
});

test("nobody's password is refused after the same work", async () => {
  const passwords = createPasswords();

  expect(await passwords.verify(undefined, "correct horse")).toBe(false);
});

test("a hash with other parameters is told from today's", async () => {
  const passwords = createPasswords();

  expect(passwords.isOutdated(await passwords.hash("p"))).toBe(false);
  expect(passwords.isOutdated(await hash("p", { memoryCost: 8192, timeCost: 2 }))).toBe(true);
});

test("no more passwords are hashed at once than there are slots, and a refusal frees its slot", async () => {
  const passwords = createPasswords({ slots: 2 });
  let inside = 0;
  let most = 0;
  const admit = async () => {
    most = Math.max(most, ++inside);
    await new Promise((resolve) => setTimeout(resolve, 5));
    inside--;
    throw new Error("not now");
  };

  const answers = await Promise.allSettled(
    Array.from({ length: 10 }, () => passwords.verify(undefined, "p", admit)),
  );

  expect(answers.map(({ status }) => status)).not.toContain("fulfilled");
  expect(most).toBe(2);
});

test("who comes when too many wait is told to come again, and the others have their turn", async () => {
  const passwords = createPasswords({ slots: 1 });
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  const admit = async () => {
    await released;
    throw new Error("not now");
  };
  const asked = Array.from({ length: LIMITS.waitingPasswords + 1 }, () =>
    passwords.verify(undefined, "p", admit),
  );
  const ended = Promise.allSettled(asked);

  await expect(passwords.verify(undefined, "p", admit)).rejects.toMatchObject({
    type: "platform/busy",
  });
  release();

  const reasons = (await ended).map((one) => (one.status === "rejected" ? one.reason : undefined));
  expect(new Set(reasons.map(String))).toEqual(new Set(["Error: not now"]));
});

test("a hash that cannot be read is an error, and the next one is hashed all the same", async () => {
  const passwords = createPasswords({ slots: 1 });

  await expect(passwords.verify("no hash at all", "p")).rejects.toThrow("Decoding failed");

  expect(await passwords.verify(await passwords.hash("p"), "p")).toBe(true);
});

test("a password of the list of breached ones is known, however it is spelled", async () => {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-passwords-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "breached.txt");
  await writeFile(file, "123456\r\niloveyou\n\nPassw0rd\n");

  const { isBreached } = createPasswords({ breached: await readBreachedPasswords(file) });

  expect(["123456", "ILoveYou", "passw0rd"].map(isBreached)).toEqual([true, true, true]);
  expect(["", "iloveyou2"].map(isBreached)).toEqual([false, false]);
  expect(createPasswords().isBreached("123456")).toBe(false);
});

test("a list of breached passwords that cannot be read is a fault of the configuration", async () => {
  await expect(readBreachedPasswords("/nowhere/breached.txt")).rejects.toThrow(
    "BREACHED_PASSWORDS: cannot be read (ENOENT)",
  );
});
