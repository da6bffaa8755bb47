import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { findProgram } from "../../../../platform/programs.ts";
import { SEARCH_ATTRIBUTES } from "../../../../domain/search-attributes.ts";
import type { Accepted } from "../../package-client.ts";
import { digestOf } from "../../packages.ts";
import { processesIn } from "../../processes.ts";
import { MALWARE, MALWARE_NAME, makeMarkedApk, makeMarkedZip } from "../../rigged-tools.ts";
import { until } from "../../until.ts";
import type { Installation } from "./installation.ts";

/** What a platform does with what is uploaded, with real tools. */
export function describeProcessing(given: () => Installation): void {
  const isAtWork = async (word: string) =>
    (await processesIn(given().folder)).filter(({ arguments: words }) =>
      words.some((one) => one.endsWith(word)),
    );
  const published = async (name: string) => {
    const { client } = given();
    const order = await client.upload(await makeMarkedZip([]), name);
    await client.succeeds(order);
    return { ...order, shown: digestOf(await download(client.link(order.id))) };
  };
  const parkedWorkflows = async (subject: string) => {
    const needs = SEARCH_ATTRIBUTES.needsOperator.name;
    const query = `${needs} = true AND ${SEARCH_ATTRIBUTES.subject.name} = "${subject}"`;
    const found: string[] = [];
    for await (const { workflowId } of given().temporal.workflow.list({ query })) {
      found.push(workflowId);
    }
    return found;
  };

  describe("an upload", () => {
    test("of an APK is inspected, scanned, hardened, aligned and signed while its log is followed", async () => {
      const { client, tools } = given();
      const original = await makeMarkedApk("hold-in-harden");
      await tools.hold();
      onTestFinished(() => tools.letGo());
      const order = await client.upload(original, "an APK");
      const log = await followLog(given(), order);
      await until(() => log.text().includes("--- harden"));
      const { status } = await client.run(order);
      const seenSoFar = log.text();

      await tools.letGo();
      await log.ended;

      expect(status).toBe("running");
      expect(seenSoFar).not.toContain("--- align");
      expect(log.text()).toMatch(/one entry was added\n[^]*--- 1\.0\.0 is live\n$/);
      expect(await client.log(order)).toBe(log.text());
      expect(await rest(given(), order, 100)).toBe(log.text().slice(100));
      const run = await client.run(order);
      expect(run.steps.map(({ name }) => name).join(" ")).toBe(
        "metadata scan harden align sign verify checksums switch purge check",
      );
      const apk = await download(client.link(order.id, "apk"));
      expect(apk.includes("hardened.txt")).toBe(true);
      await assertSigned(apk);
      expect(digestOf(apk)).not.toBe(digestOf(original.bytes));
    });

    test("in which malware is found is held with the finding as reason, the link stays, and a person may let it pass", async () => {
      const { client } = given();
      const { id, shown } = await published("infected later");

      const order = await client.replace(
        id,
        await makeMarkedZip({ "letter.txt": MALWARE }),
        "2.0.0",
      );
      const run = await client.reaches(order, "quarantined");

      expect(run.reason).toContain(`The malware scan found ${MALWARE_NAME}`);
      const { body } = await client.call("GET", `/api/v1/packages/${id}`);
      expect(body).toMatchObject({ status: "processed_success", live_version: "1.0.0" });
      expect(digestOf(await download(client.link(id)))).toBe(shown);
      const waiting = await client.call("GET", "/api/v1/quarantine?limit=100");
      expect(waiting.body.items).toContainEqual(
        expect.objectContaining({ package: { id, name: "infected later" }, verdict: "held" }),
      );
      const path = `/api/v1/packages/${id}/versions/2.0.0/release`;

      const released = await client.call("POST", path, { json: { reason: "made for a test" } });
      const release = { id, run: released.body.run.id as string };
      await client.succeeds(release);

      expect(await client.log(release)).toMatch(/approved by .*: made for a test/);
      expect(digestOf(await download(client.link(id)))).not.toBe(shown);
    });
  });

  describe("a step that cannot be done", () => {
    test("parks its run, where operators find it, until it is tried again", async () => {
      const { client, tools } = given();
      await tools.breakHardener();
      onTestFinished(() => tools.repairHardener());
      const order = await client.upload(await makeMarkedZip(["hardener-fails"]), "parks");
      const parked = await client.reaches(order, "parked");
      const found = await parkedWorkflows(order.id);

      await tools.repairHardener();
      const answer = await client.resolve(order, "retry");
      await client.succeeds(order);

      expect(parked.reason).toContain("exit code 3: the licence server does not answer");
      expect(parked.steps.at(-1)).toMatchObject({ name: "harden", exit_code: 3, attempts: 3 });
      expect(found).toHaveLength(1);
      expect(answer.status).toBe(202);
      await until(async () => (await parkedWorkflows(order.id)).length === 0);
      expect(await client.log(order)).toMatch(/harden goes on: retry by .*: a test says so/);
    });

    test("is cancelled by an operator's abort: the version has failed, the link stays", async () => {
      const { client, tools } = given();
      const { id, shown } = await published("aborts");
      await tools.breakHardener();
      onTestFinished(() => tools.repairHardener());
      const order = await client.replace(id, await makeMarkedZip(["hardener-fails"]), "2.0.0");
      await client.reaches(order, "parked");

      await client.resolve(order, "abort");
      const run = await client.reaches(order, "cancelled");

      expect(run.reason).toMatch(/^abort by .*: a test says so$/);
      const { body } = await client.call("GET", `/api/v1/packages/${id}/versions`);
      expect(
        (body.items as { version: string; status: string; live: boolean }[]).map(
          ({ version, status, live }) => ({ version, status, live }),
        ),
      ).toEqual([
        { version: "2.0.0", status: "failed", live: false },
        { version: "1.0.0", status: "ready", live: true },
      ]);
      expect(digestOf(await download(client.link(id)))).toBe(shown);
      const again = await client.resolve(order, "retry");
      expect(again.body.code).toBe("packages/run-not-parked");
    });
  });

  describe("a tool", () => {
    test("that ends well and leaves nothing parks the run with that as reason", async () => {
      const { client } = given();

      const order = await client.upload(await makeMarkedZip(["hardener-leaves-nothing"]), "empty");
      const { reason } = await client.reaches(order, "parked");

      expect(reason).toBe("The tool ended well but left no output.");
      await client.resolve(order, "abort");
      await client.reaches(order, "cancelled");
    });

    test("that floods its output is heard to the end, and the log keeps head and tail", async () => {
      const { client } = given();

      const order = await client.upload(await makeMarkedZip(["hardener-floods"]), "floods");
      await client.succeeds(order);

      const log = await client.log(order);
      expect(log.length).toBeLessThan(1.2 * 1024 * 1024);
      expect(log).toMatch(/flood flood[^]*one entry was added/);
    });

    test("that leaves children behind leaves none", async () => {
      const { client } = given();

      const order = await client.upload(await makeMarkedZip(["hardener-forks"]), "forks");
      await client.succeeds(order);

      expect(await isAtWork("sleep")).toEqual([]);
    });

    test("that is cancelled is gone with its children in five seconds, and the link shows what it showed", async () => {
      const { client, tools } = given();
      const { id, shown } = await published("cancelled");
      await tools.hold();
      onTestFinished(() => tools.letGo());
      const marks = ["hardener-stubborn", "hardener-forks"];
      const order = await client.replace(id, await makeMarkedZip(marks), "2.0.0");
      await until(async () => (await isAtWork("hardener.mjs")).length > 0);

      const { status } = await client.cancel(order);
      await until(
        async () =>
          [...(await isAtWork("hardener.mjs")), ...(await isAtWork("sleep"))].length === 0,
        5_000,
      );
      const run = await client.reaches(order, "cancelled");

      expect(status).toBe(202);
      expect(run.reason).toContain("a test says so");
      expect(digestOf(await download(client.link(id)))).toBe(shown);
      expect((await client.cancel(order)).status).toBe(202);
    });

    test("that hangs and is killed by hand is tried again", async () => {
      const { client, tools } = given();
      await tools.hold();
      onTestFinished(() => tools.letGo());
      const order = await client.upload(await makeMarkedZip(["hold-in-harden"]), "hangs");
      await until(async () => (await isAtWork("hardener.mjs")).length > 0);

      await tools.letGo();
      await tools.hold();
      // Behind a fence it has a parent that has the same arguments: the tool itself came last.
      process.kill((await isAtWork("hardener.mjs")).at(-1)!.pid, "SIGKILL");
      await sleep(100);
      await tools.letGo();
      const run = await client.succeeds(order);

      expect(run.steps.find(({ name }) => name === "harden")!.attempts).toBe(2);
      expect(await client.log(order)).toContain("was ended by SIGKILL");
    });
  });
}

/** What a link shows now. */
export async function download(url: string): Promise<Buffer> {
  const response = await fetch(url);
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}`);
  return Buffer.from(await response.arrayBuffer());
}

/** Reads a run's log as it grows. */
async function followLog({ client }: Installation, { id, run }: Accepted) {
  const url = `${client.address}/api/v1/packages/${id}/runs/${run}/log?follow=true`;
  const response = await fetch(url, { headers: { "x-api-key": client.secrets[0]! } });
  let text = "";
  const ended = (async () => {
    const decoder = new TextDecoder();
    for await (const piece of response.body!) {
      text += decoder.decode(piece as Uint8Array, { stream: true });
    }
  })();
  return { text: () => text, ended };
}

/** A run's log without its first bytes. */
async function rest({ client }: Installation, { id, run }: Accepted, after: number) {
  const path = `/api/v1/packages/${id}/runs/${run}/log?after=${after}`;
  return (await client.call("GET", path)).body as string;
}

/** Throws unless Android would install it: signed, and aligned to four bytes. */
async function assertSigned(apk: Buffer): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-apk-"));
  try {
    const file = join(folder, "app.apk");
    await writeFile(file, apk);
    const run = promisify(execFile);
    await run((await findProgram("apksigner", process.env))!, ["verify", file]);
    await run((await findProgram("zipalign", process.env))!, ["-c", "4", file]);
  } finally {
    await rm(folder, { recursive: true });
  }
}
