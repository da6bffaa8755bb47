import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { fetchLicence, isLicensed } from "../../../examples/typescript/card-client.ts";
import { NOBODY, type StartedApi } from "../../support/api.ts";
import { CODE, startWithCard } from "../../support/cards.ts";
import { pythonWith } from "../../support/services/python.ts";

const example = (name: string) =>
  fileURLToPath(new URL(`../../../examples/${name}`, import.meta.url));

const CLIENTS = {
  TypeScript: [process.execPath, "--import", "tsx", example("typescript/card-client.ts")],
  Python: ["python3", example("python/card_client.py")],
} as const;

/** What a program says, and the code it ends with. */
async function run(command: readonly string[]): Promise<{ code: number; out: string }> {
  const [program = "", ...words] = command;
  const env = program === "python3" ? await pythonWith("cryptography", "48.0.0") : process.env;
  return new Promise((resolve, reject) => {
    execFile(program, words, { timeout: 60_000, env }, (error, out) => {
      if (error && typeof error.code !== "number") reject(error);
      else resolve({ code: Number(error?.code ?? 0), out });
    });
  });
}

async function saveKeys(api: StartedApi): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-keys-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const { body } = await api.call(NOBODY, "GET", "/.well-known/card-keys.json");
  const file = join(folder, "card-keys.json");
  await writeFile(file, JSON.stringify(body));
  return file;
}

describe.each(Object.entries(CLIENTS))("the sample client in %s", (_, command) => {
  test("activates a card, takes a licence, and is told when there is no such card", async () => {
    const { api } = await startWithCard();
    const keys = await saveKeys(api);

    const good = await run([...command, api.address, keys, CODE]);
    const bad = await run([...command, api.address, keys, "VIP-NONE"]);

    expect(good).toMatchObject({ code: 0, out: expect.stringMatching(/^VALID 授权成功 \d{4}-/) });
    expect(good.out).toMatch(/licensed: true/i);
    expect(bad).toMatchObject({ code: 1, out: expect.stringMatching(/^NOT_FOUND 卡密不存在/) });
  });
});

test("the sample client in curl asks everything that the contract knows", async () => {
  const { api } = await startWithCard();

  const { code, out } = await run(["sh", example("curl/card.sh"), api.address, CODE]);

  expect(code).toBe(0);
  expect(out).toContain('"service":"kamisystem"');
  expect(out).toContain('"message":"授权成功"');
  expect(out).toMatch(/"status":"ACTIVE".*"machine_code":"PC-\d+"/);
});

test("a licence is good for its machine and product until its end, and forged when a letter was changed", async () => {
  const { api } = await startWithCard();
  const { body: keys } = await api.call(NOBODY, "GET", "/.well-known/card-keys.json");
  const here = { machine_code: "PC-1" };
  const licence = await fetchLicence(api.address, { code: CODE, ...here });

  expect(isLicensed(`${licence}\n`, keys, here)).toBe(true);
  expect(isLicensed(licence, keys, { machine_code: "PC-2" })).toBe(false);
  expect(isLicensed(licence, keys, { ...here, product: "editor" })).toBe(false);
  const [head, claims, signature] = licence.split(".") as [string, string, string];
  const later = { ...JSON.parse(Buffer.from(claims, "base64url").toString()), exp: 9_999_999_999 };
  const changed = Buffer.from(JSON.stringify(later)).toString("base64url");
  expect(() => isLicensed([head, changed, signature].join("."), keys, here)).toThrow("forged");
});
