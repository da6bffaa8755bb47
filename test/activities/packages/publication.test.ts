import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { type AddressInfo } from "node:net";
import { describe, expect, test, onTestFinished } from "vitest";
import { type RunOrder } from "../../../activities/packages/contract.ts";
import { packageKeys } from "../../../domain/packages.ts";
import { AuditEntry } from "../../../models/operations.ts";
import {
  Package,
  PackageRun,
  PackageVersion,
  PackageStep,
  acceptRollback,
} from "../../../models/packages/index.ts";
import { openBench, accept, build, failureOf, type Accepted } from "../../support/package-bench.ts";
import { digestOf } from "../../support/packages.ts";

describe("publication", () => {
  const live = ({ packageId }: Accepted) => packageKeys.live(packageId);

  test("switches the link with its facts, records it once, and audits it once", async () => {
    const bench = await openBench();
    const accepted = await accept(bench);
    await build(bench, accepted);

    const plan = (await bench.perform("openPublication", accepted.order))!;
    const order = { ...accepted.order, plan };
    await bench.perform("switchLink", order);
    await bench.perform("switchLink", order);
    await bench.perform("recordLive", order);
    await bench.perform("recordLive", order);

    expect((await bench.objects.head(live(accepted)))?.metadata).toEqual({
      sha256: digestOf(accepted.bytes),
      number: "1",
      version: "1.0.0",
      "file-name": "app.zip",
    });
    expect(await Package.findByPk(accepted.packageId)).toMatchObject({
      liveVersionId: accepted.versionId,
      liveNumber: 1,
    });
    expect(await PackageRun.findByPk(accepted.runId)).toMatchObject({ state: "succeeded" });
    expect(await AuditEntry.count({ where: { action: "packages.published" } })).toBe(1);
  });

  test("a lower number never gets the link, and a worker that was thought dead cannot move it", async () => {
    const bench = await openBench();
    const accepted = await accept(bench);
    await build(bench, accepted);
    const plan = (await bench.perform("openPublication", accepted.order))!;
    const owner = await Package.findByPk(accepted.packageId, { rejectOnEmpty: true });
    const version = await PackageVersion.findByPk(accepted.versionId, { rejectOnEmpty: true });
    const runId = randomUUID();
    await acceptRollback(bench.database, owner, { runId, version }, accepted.asker);
    const later: RunOrder = { ...accepted.order, runId, kind: "rollback", number: 2 };
    await bench.perform("openPublication", later);

    const late = await failureOf(bench.perform("switchLink", { ...accepted.order, plan }));
    const again = await bench.perform("openPublication", accepted.order);

    expect(late.message).toMatch(/later publication/);
    expect(again).toBeNull();
    expect(await bench.objects.head(live(accepted))).toBeUndefined();
  });

  test("putting back shows what is recorded as live, or nothing when nothing ever was", async () => {
    const bench = await openBench();
    const accepted = await accept(bench);
    await build(bench, accepted);
    const plan = (await bench.perform("openPublication", accepted.order))!;
    const order = { ...accepted.order, plan };
    await bench.perform("switchLink", order);

    await bench.perform("restoreLink", order);
    expect(await bench.objects.head(live(accepted))).toBeUndefined();

    await bench.perform("switchLink", order);
    await bench.perform("recordLive", order);
    await bench.objects.delete(live(accepted));
    await bench.perform("restoreLink", order);
    expect((await bench.objects.head(live(accepted)))?.metadata["version"]).toBe("1.0.0");
  });

  test("nobody puts back what a later publication shows", async () => {
    const bench = await openBench();
    const accepted = await accept(bench);
    await build(bench, accepted);
    const order = { ...accepted.order, number: 2 };
    const plan = (await bench.perform("openPublication", order))!;
    await bench.perform("switchLink", { ...order, plan });

    await bench.perform("restoreLink", accepted.order);

    expect((await bench.objects.head(live(accepted)))?.metadata["number"]).toBe("2");
  });

  test("is checked through the public address: other bytes, tag or length do not pass", async () => {
    let edge: { etag: string; bytes: Buffer } = { etag: "", bytes: Buffer.alloc(0) };
    const server = createServer((req, res) => {
      const range = /bytes=(\d+)-(\d+)/.exec(req.headers.range ?? "");
      const part = range ? edge.bytes.subarray(Number(range[1]), Number(range[2]) + 1) : edge.bytes;
      res.writeHead(range ? 206 : 200, { etag: edge.etag, "content-length": part.length });
      res.end(req.method === "HEAD" ? undefined : part);
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const bench = await openBench(() => ({}), { publicationCheckUrl: url });
    const accepted = await accept(bench);
    await build(bench, accepted);
    const plan = (await bench.perform("openPublication", accepted.order))!;
    const check = () => bench.perform("checkLink", { ...accepted.order, plan });
    const etag = `"${digestOf(accepted.bytes)}"`;

    edge = { etag: '"old"', bytes: accepted.bytes };
    expect((await failureOf(check())).message).toMatch(/still shows other bytes/);
    edge = { etag, bytes: accepted.bytes.subarray(1) };
    expect((await failureOf(check())).message).toMatch(/another length/);
    edge = { etag, bytes: Buffer.alloc(accepted.bytes.length) };
    expect((await failureOf(check())).message).toMatch(/other bytes than the store/);
    edge = { etag, bytes: accepted.bytes };
    await check();
    server.close();
    server.closeAllConnections();
    expect((await failureOf(check())).message).toMatch(
      /^127\.0\.0\.1:\d+ cannot be reached: ECONN/,
    );
    expect(await PackageStep.findAll({ where: { name: "check" } })).toMatchObject([
      { name: "check", state: "failed", attempts: 5 },
    ]);
  });
});
