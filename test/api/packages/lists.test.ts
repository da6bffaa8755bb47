import { describe, expect, test } from "vitest";
import { packageStatus } from "../../../domain/packages.ts";
import { inTransaction } from "../../../models/database.ts";
import { moveRun, Package, PackageVersion } from "../../../models/packages/index.ts";
import { ADMIN, startApi, type StartedApi } from "../../support/api.ts";
import { publishByHand, uploadForm, uploadPackage, zipOf } from "../../support/packages.ts";

const PATH = "/api/v1/packages";

/** Four packages: Alpha is live, Alpine has failed, Beta runs, 测试 has a beta channel and waits. */
async function startFilled() {
  const api = await startApi();
  const upload = async (name: string) => (await uploadPackage(api, { name })).body;
  const move = (run: string, ...states: ("running" | "failed")[]) =>
    inTransaction(api.services.database, async (transaction) => {
      for (const state of states) await moveRun(run, state, {}, transaction);
    });
  const alpha = await upload("Alpha");
  await publishByHand(api, alpha.id, "1.0.0");
  await move((await upload("Alpine")).run.id, "running", "failed");
  await move((await upload("Beta")).run.id, "running");
  const { id } = await upload("测试");
  const form = uploadForm(
    { version: "2.0.0", channel: "beta" },
    { bytes: await zipOf({ a: "2" }) },
  );
  await api.call(ADMIN, "POST", `${PATH}/${id}/versions`, { form });
  return { api, alpha: alpha.id as string, chinese: id as string };
}

async function ask(api: StartedApi, path: string, field = "name"): Promise<string[]> {
  const { body } = await api.call(ADMIN, "GET", path);
  return body.items.map((item: Record<string, string>) => item[field]);
}

describe("the filters of packages", () => {
  test.each([
    ["name=Alpha", ["Alpha"]],
    ["name=alpha", []],
    ["name=Alp", []],
    ["name=Alp*", ["Alpha", "Alpine"]],
    ["name=测*", ["测试"]],
    ["name=*", ["Alpha", "Alpine", "Beta", "测试"]],
    ["status=processed_success", ["Alpha"]],
    ["status=processed_failed", ["Alpine"]],
    ["status=processing", ["Beta"]],
    ["status=pending", ["测试"]],
    ["type=zip&sort=oldest", ["Alpha", "Alpine", "Beta", "测试"]],
    ["type=apk", []],
    ["channel=beta", ["测试"]],
    ["channel=release&status=pending", ["测试"]],
    ["sort=updated&limit=1", ["测试"]],
    ["from=2020-01-01T00:00:00Z&to=2021-01-01T00:00:00Z", []],
    ["from=2020-01-01T00:00:00%2B08:00&sort=updated&type=zip&status=processing", ["Beta"]],
  ])("%s", async (query, names) => {
    const { api } = await startFilled();

    expect(await ask(api, `${PATH}?${query}`)).toEqual(names);
  });

  test.each([
    ["name=Alp*&sort=newest", "sort"],
    ["name=Alp*&from=2020-01-01T00:00:00Z", "from"],
    ["sort=name&to=2020-01-01T00:00:00Z", "to"],
    ["status=done", "status"],
    ["colour=red", "colour"],
  ])("%s is refused, because nothing would find its rows in order", async (query, path) => {
    const api = await startApi();

    expect(await api.call(ADMIN, "GET", `${PATH}?${query}`)).toMatchObject({
      status: 422,
      body: { code: "request/invalid", issues: [{ path, in: "query" }] },
    });
  });

  test("hold on every page, and a cursor is good for the same filters and sort alone", async () => {
    const { api } = await startFilled();
    const first = await api.call(ADMIN, "GET", `${PATH}?name=A*&limit=1`);

    const after = `limit=1&after=${first.body.next}`;
    expect(await ask(api, `${PATH}?name=A*&${after}`)).toEqual(["Alpine"]);
    for (const other of ["sort=name", "name=B*", ""]) {
      expect(await api.call(ADMIN, "GET", `${PATH}?${other}&${after}`), other).toMatchObject({
        status: 422,
        body: { issues: [{ path: "after", message: expect.stringContaining("other filters") }] },
      });
    }
  });
});

describe("the filters of versions", () => {
  test("find by state, verdict, channel, draft, withdrawal and time", async () => {
    const { api, chinese } = await startFilled();
    await inTransaction(api.services.database, (transaction) =>
      PackageVersion.update(
        { verdict: "held", isDraft: true, yankedAt: new Date() },
        { where: { version: "2.0.0" }, transaction },
      ),
    );
    const list = (query: string) => ask(api, `${PATH}/${chinese}/versions?${query}`, "version");

    expect(await list("sort=oldest")).toEqual(["1.0.0", "2.0.0"]);
    for (const query of ["channel=beta", "verdict=held", "draft=true", "yanked=true"]) {
      expect(await list(query), query).toEqual(["2.0.0"]);
    }
    for (const query of ["channel=stable", "verdict=pending", "draft=false", "yanked=false"]) {
      expect(await list(`${query}&status=processing`), query).toEqual(["1.0.0"]);
    }
    expect(await list("status=ready")).toEqual([]);
    expect(await list("to=2021-01-01T00:00:00Z")).toEqual([]);
  });
});

describe("the filters of runs", () => {
  test("find by state, kind, channel, version and time", async () => {
    const { api, alpha, chinese } = await startFilled();
    await api.call(ADMIN, "POST", `${PATH}/${alpha}/rollback`, { json: { version: "1.0.0" } });
    const kinds = (query: string) => ask(api, `${PATH}/${alpha}/runs?${query}`, "kind");

    expect(await kinds("version=1.0.0&sort=oldest")).toEqual(["upload", "rollback"]);
    expect(await kinds("status=queued")).toEqual(["rollback"]);
    expect(await kinds("kind=upload")).toEqual(["upload"]);
    expect(await kinds("channel=beta")).toEqual([]);
    expect(await kinds("to=2021-01-01T00:00:00Z")).toEqual([]);
    expect(await ask(api, `${PATH}/${chinese}/runs?channel=beta`, "version")).toEqual(["2.0.0"]);
    expect(await api.call(ADMIN, "GET", `${PATH}/${alpha}/runs?version=9`)).toMatchObject({
      status: 404,
      body: { code: "packages/version-not-found" },
    });
  });
});

describe("a package's status", () => {
  test("is in its row what its latest run and its link say, after every step of its life", async () => {
    const api = await startApi();
    const { body } = await uploadPackage(api);
    const seen: string[] = [];
    const look = async () => {
      const [shown] = (await api.call(ADMIN, "GET", PATH)).body.items;
      const row = await Package.findOne({ rejectOnEmpty: true });
      const told = packageStatus(shown.live_version !== null, shown.latest_run.status);
      expect([row.status, shown.status]).toEqual([told, told]);
      seen.push(told);
    };
    const move = (state: "running" | "parked" | "failed") =>
      inTransaction(api.services.database, (transaction) =>
        moveRun(body.run.id, state, {}, transaction),
      );
    const command = (path: string, json: object) =>
      api.call(ADMIN, "POST", `${PATH}/${body.id}/${path}`, { json });

    await look();
    for (const state of ["running", "parked", "failed"] as const) {
      await move(state);
      await look();
    }
    await publishByHand(api, body.id, "1.0.0");
    await look();
    await command("rollback", { version: "1.0.0" });
    await look();
    await command("versions/1.0.0/yank", { reason: "It crashes." });
    await look();

    expect(seen).toEqual([
      "pending",
      "processing",
      "processing",
      "processed_failed",
      "processed_success",
      "processed_success",
      "pending",
    ]);
  });
});
