import { writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { inTransaction } from "../../models/database.ts";
import { appendLog, moveRun, PackageRun } from "../../models/packages/index.ts";
import { ADMIN, startApi, STRANGER } from "../support/api.ts";
import { longhaul, zipFile } from "../support/cli.ts";
import { publishByHand, uploadPackage } from "../support/packages.ts";

describe("longhaul packages list", () => {
  test("shows packages as a table, newest first, names of any width", async () => {
    const api = await startApi();
    await uploadPackage(api, { name: "演示", version: "1.0.0" });
    await uploadPackage(api, { name: "Demo" });
    await publishByHand(api, "1001", "1.0.0");

    const { code, out } = await longhaul(api, ["packages", "list"]);

    expect(code).toBe(0);
    expect(out.split("\n")).toEqual([
      expect.stringMatching(/^ID {4}NAME {2}TYPE {2}LIVE {3}STATUS/),
      expect.stringMatching(/^1002 {2}Demo {2}zip {3}- {6}pending/),
      expect.stringMatching(/^1001 {2}演示 {2}zip {3}1\.0\.0 {2}processed_success/),
      "",
    ]);
  });

  test("shows as many as are wanted, and says that there are more", async () => {
    const api = await startApi();
    for (let n = 0; n < 3; n++) await uploadPackage(api);

    const some = await longhaul(api, ["packages", "list", "--limit", "2"]);
    const all = await longhaul(api, ["packages", "list", "--limit", "3", "--json"]);

    expect(some.out.trim().split("\n")).toHaveLength(3);
    expect(some.err).toContain("Only the newest 2");
    expect(all.json).toMatchObject({ more: false, items: [{ id: "1003" }, {}, {}] });
    expect((await longhaul(api, ["packages", "list", "--limit", "0"])).code).toBe(2);
  });
});

describe("longhaul packages log", () => {
  test("shows the log of the latest run, of a package by its name", async () => {
    const api = await startApi();
    const name = (await uploadPackage(api)).body.name as string;
    const run = await PackageRun.findOne({ rejectOnEmpty: true });
    const write = (text: string) =>
      inTransaction(api.services.database, (transaction) => appendLog(run.id, text, transaction));
    await write("--- scan\n\u001b[2Jclean\n");

    const piped = await longhaul(api, ["packages", "log", name]);
    const shown = await longhaul(api, ["packages", "log", "1001", run.id], { isTTY: true });
    const json = await longhaul(api, ["packages", "log", "1001", "--json"]);

    expect(piped).toMatchObject({ code: 0, out: "--- scan\n\u001b[2Jclean\n" });
    expect(shown.out, "a log moves no cursor").toBe("--- scan\n\uFFFD[2Jclean\n");
    expect(json.json).toMatchObject({ run: { id: run.id }, log: piped.out });
  });

  test("of a version that is held says so, and ends with 5", async () => {
    const api = await startApi();
    await uploadPackage(api);
    const run = await PackageRun.findOne({ rejectOnEmpty: true });
    await inTransaction(api.services.database, async (transaction) => {
      await moveRun(run.id, "running", {}, transaction);
      await moveRun(run.id, "quarantined", { reason: "Eicar was found" }, transaction);
    });

    const { code, err } = await longhaul(api, ["packages", "log", "1001", "--follow"]);

    expect(code).toBe(5);
    expect(err).toMatch(/held until somebody releases it: Eicar was found/);
  });

  test("followed, ends as the run does", async () => {
    const api = await startApi();
    await uploadPackage(api);
    const run = await PackageRun.findOne({ rejectOnEmpty: true });
    await inTransaction(api.services.database, async (transaction) => {
      await appendLog(run.id, "--- scan\n", transaction);
      await moveRun(run.id, "cancelled", { reason: "not wanted" }, transaction);
    });

    const { code, out, err } = await longhaul(api, ["packages", "log", "1001", "--follow"]);

    expect({ code, out }).toEqual({ code: 4, out: "--- scan\n" });
    expect(err).toContain("not wanted");
  });
});

describe("longhaul packages rollback", () => {
  test("orders the rollback", async () => {
    const api = await startApi();
    await uploadPackage(api, { version: "1.0.0" });
    await publishByHand(api, "1001", "1.0.0");
    const argv = ["packages", "rollback", "1001", "1.0.0", "--no-follow", "--json"];

    const { code, json } = await longhaul(api, argv);
    const again = await longhaul(api, argv);

    expect(code).toBe(0);
    expect(json).toMatchObject({ package: { id: "1001" }, run: { kind: "rollback" } });
    expect(again.json.run.id, "a second one may well be meant").not.toBe(json.run.id);
  });

  test("says with --dry-run what it would do, and does nothing", async () => {
    const api = await startApi();
    await uploadPackage(api, { version: "1.0.0" });
    const dry = ["packages", "rollback", "1001", "1.0.0", "--dry-run"];

    const early = await longhaul(api, dry);
    await publishByHand(api, "1001", "1.0.0");
    const before = await PackageRun.count();
    const json = await longhaul(api, [...dry, "--json"]);

    expect(early).toMatchObject({ code: 1, err: expect.stringContaining("would be refused") });
    expect(json.json).toMatchObject({ dry_run: true, to: { version: "1.0.0" }, refusal: null });
    expect(await PackageRun.count()).toBe(before);
  });

  test("says what the platform refuses", async () => {
    const api = await startApi();
    await uploadPackage(api, { version: "1.0.0" });

    const { code, err } = await longhaul(api, ["packages", "rollback", "1001", "1.0.0"]);

    expect(code).toBe(1);
    expect(err).toMatch(/Choose one that is ready\. \(packages\/version-not-ready, request .+\)/);
  });
});

describe("longhaul packages query", () => {
  test("shows what clients are told", async () => {
    const api = await startApi();
    const { body } = await uploadPackage(api, { version: "1.0.0" });
    await publishByHand(api, "1001", "1.0.0");

    const byId = await longhaul(api, ["packages", "query", "1001", "--json"]);
    const byName = await longhaul(api, ["packages", "query", body.name]);

    expect(byId).toMatchObject({ code: 0, json: { package_id: "1001", version: "1.0.0" } });
    expect(byName.out).toContain(`package_name              ${body.name}`);
    expect((await longhaul(api, ["packages", "query", "9999"])).code).toBe(1);
  });
});

describe("longhaul", () => {
  test("shows its help and its version, in the language of the environment", async () => {
    const api = await startApi();

    const english = await longhaul(api, ["--help"]);
    const chinese = await longhaul(api, ["packages", "push", "-h"], {
      env: { LANG: "zh_CN.UTF-8" },
    });

    expect(english).toMatchObject({ code: 0, out: expect.stringContaining("Exit codes:") });
    expect(chinese).toMatchObject({ code: 0, out: expect.stringContaining("退出码:") });
    expect((await longhaul(api, ["--version"])).out).toBe("1.2.3\n");
  });

  test.each([
    [["packages", "pull"], 'no command "packages pull"'],
    [["cards"], 'no command "cards"'],
    [["packages", "rollback", "1001"], "longhaul packages rollback PACKAGE VERSION"],
    [["packages", "list", "--api-key", "x"], "--api-key"],
    [["packages", "push", "x.zip", "--version", "1"], "--name NAME or --package ID"],
    [["packages", "push", "x.zip", "--name", "x"], "--version V"],
    [["packages", "push", "x.zip", "--name", "x", "--version", "/"], "--version must have"],
    [
      ["packages", "push", "x", "--name", "x", "--version", "1", "--channel", "-"],
      "--channel must",
    ],
    [["packages", "push", "no-such-file", "--name", "x", "--version", "1"], "ENOENT"],
  ])("ends with 2 for what cannot be meant: %j", async (argv, said) => {
    const api = await startApi();

    const { code, err } = await longhaul(api, argv);

    expect(code).toBe(2);
    expect(err).toContain(said);
  });

  test("takes its key from the environment or a file, and shows it nowhere", async () => {
    const api = await startApi();
    const { path } = await zipFile();
    const key = api.tokenOf(ADMIN);
    await writeFile(path, `${key}\n`);
    const list = (env: Record<string, string>) =>
      longhaul(api, ["packages", "list"], { env: { LONGHAUL_API_KEY: "", ...env } });

    const fromFile = await list({ LONGHAUL_API_KEY_FILE: path });
    const none = await list({});
    const unfit = await list({ LONGHAUL_API_KEY: `${key} \u{1F600}` });
    const wrong = await list({ LONGHAUL_API_KEY: "lhk_wrong" });

    expect(fromFile.code).toBe(0);
    expect(none).toMatchObject({ code: 2, err: expect.stringContaining("LONGHAUL_API_KEY") });
    expect(unfit.code).toBe(2);
    expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining("api-key-invalid") });
    for (const { out, err } of [fromFile, unfit]) expect(out + err).not.toContain(key);
  });

  test("ends with 1 for what the key may not do, with 3 where nobody answers", async () => {
    const api = await startApi();
    const argv = ["packages", "list", "--json"];

    const stranger = await longhaul(api, argv, {
      env: { LONGHAUL_API_KEY: api.tokenOf(STRANGER) },
    });
    await api.close();
    const gone = await longhaul(api, argv);
    const nonsense = await longhaul(api, argv, { address: "ftp://example.test" });

    expect(stranger).toMatchObject({
      code: 1,
      json: { error: { code: "accounts/not-allowed", status: 403 } },
    });
    expect(gone).toMatchObject({ code: 3, json: { error: { code: "unreachable" } } });
    expect(nonsense).toMatchObject({ code: 2, json: { error: { code: "usage" } } });
  });
});
