import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { fillWord } from "../../domain/pipelines.ts";
import { SHIPPED_PIPELINES } from "../../domain/shipped-pipelines.ts";
import { provideProgram } from "../support/services/programs.ts";

const run = promisify(execFile);
const PASSWORD = "a password of tests";

/** The smallest program of Windows that has all headers of PE32+, one section of code, and nothing to run. */
function makeProgram(): Buffer {
  const file = Buffer.alloc(1024);
  file.write("MZ", 0, "latin1");
  file.writeUInt32LE(0x80, 0x3c);
  file.write("PE\0\0", 0x80, "latin1");
  file.writeUInt16LE(0x8664, 0x84);
  file.writeUInt16LE(1, 0x86);
  file.writeUInt16LE(240, 0x94);
  file.writeUInt16LE(0x22, 0x96);
  const optional = 0x98;
  file.writeUInt16LE(0x20b, optional);
  file.writeUInt32LE(0x200, optional + 4);
  file.writeUInt32LE(0x1000, optional + 16);
  file.writeUInt32LE(0x1000, optional + 20);
  file.writeBigUInt64LE(0x140000000n, optional + 24);
  file.writeUInt32LE(0x1000, optional + 32);
  file.writeUInt32LE(0x200, optional + 36);
  file.writeUInt16LE(6, optional + 40);
  file.writeUInt16LE(6, optional + 48);
  file.writeUInt32LE(0x2000, optional + 56);
  file.writeUInt32LE(0x200, optional + 60);
  file.writeUInt16LE(3, optional + 68);
  file.writeUInt32LE(16, optional + 108);
  const section = optional + 240;
  file.write(".text", section, "latin1");
  file.writeUInt32LE(1, section + 8);
  file.writeUInt32LE(0x1000, section + 12);
  file.writeUInt32LE(0x200, section + 16);
  file.writeUInt32LE(0x200, section + 20);
  file.writeUInt32LE(0x60000020, section + 36);
  file[0x200] = 0xc3;
  return file;
}

test("the shipped pipeline for programs of Windows signs them so that their signature holds, and notes a change", async () => {
  await provideProgram({ names: ["osslsigncode"], debian: "osslsigncode" });
  const folder = await mkdtemp(join(tmpdir(), "longhaul-exe-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const at = (name: string) => join(folder, name);
  await writeFile(at("password"), PASSWORD, { mode: 0o600 });
  await writeFile(at("input.exe"), makeProgram());
  const store = ["-keystore", at("key.p12"), "-storetype", "PKCS12"];
  const key = [...store, "-storepass:file", at("password"), "-alias", "a"];
  const kind = ["-keyalg", "RSA", "-keysize", "2048", "-dname", "CN=Tests"];
  await run("keytool", ["-genkeypair", ...key, ...kind]);
  await run("keytool", ["-exportcert", "-rfc", ...key, "-file", at("authorities.pem")]);
  const [, sign, verify] = SHIPPED_PIPELINES["exe"]!.steps;
  const perform = (command: readonly string[], input: string) => {
    const places: Record<string, string> = {
      input: at(input),
      output: at("signed.exe"),
      "file:signing-keystore": at("key.p12"),
      "secret-file:signing-password": at("password"),
      "file:signing-authorities": at("authorities.pem"),
    };
    const [program, ...args] = command.map((word) => fillWord(word, (name) => places[name]!));
    return run(program!, args);
  };

  await perform(sign!.command, "input.exe");
  const { stdout } = await perform(verify!.command, "signed.exe");
  const changed = await readFile(at("signed.exe"));
  changed[0x201] = 0xcc;
  await writeFile(at("changed.exe"), changed);

  expect(stdout).toMatch(new RegExp(verify!.captures[0]!.pattern));
  await expect(perform(verify!.command, "changed.exe")).rejects.toThrow("Command failed");
});
