import { spawn } from "node:child_process";
import { once } from "node:events";
import { truncate, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { inTransaction } from "../../models/database.ts";
import {
  appendLog,
  moveRun,
  Package,
  PackageRun,
  PackageVersion,
} from "../../models/packages/index.ts";
import { startApi, type StartedApi } from "../support/api.ts";
import { environmentOf, longhaul, startWire, zipFile } from "../support/cli.ts";
import { publishByHand } from "../support/packages.ts";
import { until } from "../support/until.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const NOISE_BYTES = 4 * 1024 * 1024;

const pushing = (file: string, version: string, ...more: string[]) => [
  "packages",
  "push",
  file,
  "--name",
  "Demo 名",
  "--version",
  version,
  "--json",
  ...more,
];

async function versions(): Promise<string[]> {
  const rows = await PackageVersion.findAll({ order: [["version", "ASC"]] });
  return rows.map(({ version }) => version);
}

/** Moves the one run to where a worker would, once it is there. */
async function whenAccepted(api: StartedApi, move: (run: PackageRun) => Promise<unknown>) {
  await until(async () => (await PackageRun.count()) > 0);
  const run = await PackageRun.findOne({ rejectOnEmpty: true });
  await inTransaction(api.services.database, async (transaction) => {
    await appendLog(run.id, "--- metadata\nfound é\n", transaction);
  });
  await move(run);
}

describe("longhaul packages push", () => {
  test("makes the package, sends the file and its digest, and says what began", async () => {
    const api = await startApi();
    const { path, sha256 } = await zipFile();

    const { code, json, err } = await longhaul(
      api,
      pushing(path, "1.0.0", "--description", "first", "--no-follow"),
    );

    expect(code).toBe(0);
    expect(json).toMatchObject({
      repeated: false,
      package: { name: "Demo 名", type: "zip", description: "first" },
      run: { kind: "upload", version: "1.0.0", status: "queued" },
    });
    const [version] = await PackageVersion.findAll();
    expect(version).toMatchObject({ originalSha256: sha256, fileName: "app.zip" });
    expect(err).toContain(`run ${json.run.id}`);
  });

  test("adds a version to a package that has the name, or the id", async () => {
    const api = await startApi();
    const first = await longhaul(api, pushing((await zipFile()).path, "1.0.0", "--no-follow"));
    await longhaul(api, pushing((await zipFile()).path, "1.1.0", "--no-follow"));
    const { id } = first.json.package;

    const { path } = await zipFile();
    const words = `packages push FILE --package ${id} --version 1.2.0 --no-follow`.split(" ");
    const { code } = await longhaul(
      api,
      words.map((word) => (word === "FILE" ? path : word)),
    );

    expect(code).toBe(0);
    expect(await versions()).toEqual(["1.0.0", "1.1.0", "1.2.0"]);
  });

  test("sends it to a channel, as a draft when that is wanted", async () => {
    const api = await startApi();

    const { json } = await longhaul(
      api,
      pushing((await zipFile()).path, "1.0.0", "--channel", "beta", "--draft", "--no-follow"),
    );

    expect(json.run).toMatchObject({ channel: "beta" });
    const [version] = await PackageVersion.findAll();
    expect(version).toMatchObject({ channel: "beta", isDraft: true });
  });

  test("finds a package among others by its name in one question, whatever the name ends with", async () => {
    const api = await startApi();
    const push = async (name: string, version: string) => {
      const { path } = await zipFile();
      const words = ["packages", "push", path, "--name", name, "--version", version];
      return longhaul(api, [...words, "--json", "--no-follow"]);
    };
    await push("App", "1");
    await push("App*", "1");
    await push("Apple", "1");
    const asked = () =>
      api.logged.filter(({ method, path }) => method === "GET" && path === "/api/v1/packages");
    const before = asked().length;

    const again = await push("App*", "2");

    expect(asked().length - before).toBe(1);
    expect(again.json.package).toMatchObject({ name: "App*" });
    expect(await Package.count()).toBe(3);
  });

  test("done again meets the same run and sends nothing", async () => {
    const api = await startApi();
    const { path } = await zipFile();
    const first = await longhaul(api, pushing(path, "1.0.0", "--no-follow"));
    const uploads = () =>
      api.logged.filter(({ method, path }) => method === "POST" && path === "/api/v1/packages");
    const before = uploads().length;

    const again = await longhaul(api, pushing(path, "1.0.0", "--no-follow"));

    expect(again).toMatchObject({ code: 0, json: { repeated: true, run: first.json.run } });
    expect(uploads()).toHaveLength(before);
    expect(await PackageRun.count()).toBe(1);
  });

  test("done again after everything was removed, begins anew", async () => {
    const api = await startApi();
    const { path } = await zipFile();
    const first = await longhaul(api, pushing(path, "1.0.0", "--no-follow"));
    await inTransaction(api.services.database, async (transaction) => {
      const everything = { where: {}, transaction };
      await PackageRun.destroy(everything);
      await PackageVersion.destroy(everything);
      await Package.destroy(everything);
    });

    const again = await longhaul(api, pushing(path, "1.0.0", "--no-follow"));

    expect(again).toMatchObject({ code: 0, json: { repeated: false, run: { status: "queued" } } });
    expect(again.json.run.id).not.toBe(first.json.run.id);
    expect(await versions()).toEqual(["1.0.0"]);
  });

  test("done by several at the same time meets one run", async () => {
    const api = await startApi();
    const { path } = await zipFile(NOISE_BYTES);

    const pushes = await Promise.all(
      Array.from({ length: 4 }, () => longhaul(api, pushing(path, "1.0.0", "--no-follow"))),
    );

    expect(pushes.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(new Set(pushes.map(({ json }) => json.run.id as string)).size).toBe(1);
    expect(await versions()).toEqual(["1.0.0"]);
  });

  test("refuses other content under a version that exists", async () => {
    const api = await startApi();
    await longhaul(api, pushing((await zipFile()).path, "1.0.0", "--no-follow"));

    const { code, json } = await longhaul(api, pushing((await zipFile()).path, "1.0.0"));

    expect(code).toBe(1);
    expect(json.error).toMatchObject({ code: "packages/version-taken" });
  });

  test("follows the run to its end, with its log", async () => {
    const api = await startApi();
    const { path } = await zipFile();

    const [ended] = await Promise.all([
      longhaul(
        api,
        pushing(path, "1.0.0").filter((word) => word !== "--json"),
      ),
      whenAccepted(api, () => publishByHand(api, "1001", "1.0.0")),
    ]);

    expect(ended.code).toBe(0);
    expect(ended.out).toBe("--- metadata\nfound é\n");
    expect(ended.err).toContain("Version 1.0.0 is live.\nLink: http");
  });

  test.each([
    ["failed", 4],
    ["parked", 5],
  ] as const)("ends a run that is %s with %i and the reason", async (state, code) => {
    const api = await startApi();
    const { path } = await zipFile();
    const reason = "a tool is broken";
    const move = ({ id }: PackageRun) =>
      inTransaction(api.services.database, async (transaction) => {
        await moveRun(id, "running", {}, transaction);
        await moveRun(id, state, { reason }, transaction);
      });

    const [ended] = await Promise.all([
      longhaul(api, pushing(path, "1.0.0")),
      whenAccepted(api, move),
    ]);

    expect(ended).toMatchObject({ code, json: { run: { status: state, reason } } });
    expect(ended.err).toContain(reason);
    expect(ended.err).toContain("--- metadata");
  });

  test("goes on by itself when the connection is lost before the answer came", async () => {
    const api = await startApi();
    const { path } = await zipFile();
    let cuts = 0;
    const address = await startWire(api, {
      down: (chunk, { client }) => {
        if (cuts > 0 || !chunk.includes("HTTP/1.1 202")) return true;
        cuts += 1;
        client.destroy();
        return false;
      },
    });

    const ended = await longhaul(api, pushing(path, "1.0.0", "--no-follow"), { address });

    expect(cuts).toBe(1);
    expect(ended).toMatchObject({ code: 0, json: { repeated: true } });
    expect(ended.err).toContain("Trying again");
    expect(await PackageRun.count()).toBe(1);
  });

  test.each([
    ["in the middle of the file", { up: 1024 * 1024 }],
    ["when the platform had it all, before its answer", { down: "HTTP/1.1 202" }],
  ] as const)("killed %s and done again, there is one run", async (_, { up, down }: Held) => {
    const api = await startApi();
    const { path, sha256 } = await zipFile(NOISE_BYTES);
    let passed = 0;
    let isHeld = false;
    const address = await startWire(api, {
      up: (chunk) => {
        passed += chunk.length;
        isHeld ||= up !== undefined && passed > up;
        return !isHeld || up === undefined;
      },
      down: (chunk) => {
        isHeld ||= down !== undefined && chunk.includes(down);
        return !isHeld;
      },
    });
    const argv = pushing(path, "1.0.0", "--no-follow");
    const child = spawn(process.execPath, ["--import", "tsx", "cli/main.ts", ...argv], {
      cwd: ROOT,
      env: { ...process.env, ...environmentOf(api, { address }) },
      stdio: "ignore",
    });
    await until(() => isHeld);
    child.kill("SIGKILL");
    await once(child, "exit");

    const again = await longhaul(api, argv);

    expect(again).toMatchObject({ code: 0, json: { repeated: down !== undefined } });
    const [run, ...others] = await PackageRun.findAll();
    expect(others).toEqual([]);
    expect(run!.id).toBe(again.json.run.id);
    expect((await PackageVersion.findAll()).map((row) => row.originalSha256)).toEqual([sha256]);
  });

  test("does not send what is no package, and says why", async () => {
    const api = await startApi();
    const { path } = await zipFile();
    await writeFile(path, "no archive");

    const { code, json } = await longhaul(api, pushing(path, "1.0.0"));

    expect(code).toBe(1);
    expect(json.error).toMatchObject({ code: "packages/not-an-archive", status: 422 });
    expect(json.error.request_id).toMatch(/./);
  });

  test("stops when the file is changed while it is sent", async () => {
    const api = await startApi();
    const { path } = await zipFile(NOISE_BYTES);
    const address = await startWire(api, {
      up: (chunk, { api: upstream }) => {
        if (!chunk.includes("POST ")) return true;
        void truncate(path, 1000).then(() => upstream.write(chunk));
        return false;
      },
    });

    const { code, json } = await longhaul(api, pushing(path, "1.0.0"), { address });

    expect(code).toBe(2);
    expect(json.error.message).toContain("was changed");
    expect(await versions()).toEqual([]);
  });

  test("draws bars on a terminal and writes a line for each otherwise", async () => {
    const api = await startApi();
    const { path } = await zipFile();
    const argv = (version: string) => pushing(path, version, "--no-follow");

    const quiet = await longhaul(api, argv("1.0.0"));
    const drawn = await longhaul(api, argv("1.0.1"), { isTTY: true });

    expect(quiet.err).toMatch(/^reading app\.zip \(1\.\d KiB\)\nsending app\.zip \(/);
    expect(quiet.err).not.toContain("\r");
    expect(drawn.err).toMatch(/\r█{24} 100% {2}1\.\d KiB .*reading app\.zip/);
    expect(drawn.err).toMatch(/sending app\.zip/);
  });
});

interface Held {
  up?: number;
  down?: string;
}
