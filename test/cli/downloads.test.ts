import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { Download } from "../../models/downloads/index.ts";
import { sha256 } from "../../platform/crypto.ts";
import { longhaul } from "../support/cli.ts";
import { makeDownload, startWithFetcher } from "../support/downloads.ts";

const CLIP = "http://source.test/clip.mp4";
const BYTES = "what was fetched";
const UNTIL = new Date("2126-01-01T00:00:00Z");

/** An API and a folder to save in; what is ordered there is at once as `fate` says. */
async function startDownloads(fate: Partial<Download> = {}) {
  const api = await startWithFetcher();
  const folder = await mkdtemp(join(tmpdir(), "longhaul-downloads-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const key = "accounts/a/downloads/quick/one";
  await api.services.objects.put(key, BYTES);
  const file = { objectKey: key, fileName: "clip.mp4", sha256: sha256(BYTES), expireAt: UNTIL };
  const ready = { state: "ready", bytes: BYTES.length, ...file } as const;
  const end = () => Download.update({ ...ready, ...fate }, { where: { state: "queued" } });
  return { api, folder, ready, end };
}

describe("longhaul downloads get", () => {
  test("orders a download, says how it goes, and brings the file", async () => {
    const { api, folder, end } = await startDownloads();
    const out = join(folder, "clip.mp4");
    const order = ["downloads", "get", CLIP, "--key", "one"];

    const ordered = await longhaul(api, [...order, "--no-follow", "--json"]);
    const coming = longhaul(api, [...order, "--out", out]);
    await end();
    const { code, out: printed, err } = await coming;

    const { history_id: id } = ordered.json.download;
    expect(ordered).toMatchObject({ code: 0, json: { download: { url: CLIP, state: "queued" } } });
    expect({ code, printed }).toEqual({ code: 0, printed: `${id}\n` });
    expect(err).toContain(`Ordered: download ${id}.\n`);
    expect(err).toContain(`Written: ${out}\nclip.mp4 is there until 2126-01-01T08:00:00`);
    expect(await readFile(out, "utf8")).toBe(BYTES);
    expect(await Download.count()).toBe(1);
  });

  test("says why there is no file", async () => {
    const { api, folder, end } = await startDownloads({ state: "failed", error: "It is private." });
    const order = ["downloads", "get", CLIP, "--key", "one", "--archive"];
    await longhaul(api, [...order, "--no-follow"]);
    await end();

    const failed = await longhaul(api, [...order, "--out", join(folder, "clip.mp4")]);
    const refused = await longhaul(api, ["downloads", "get", "ftp://source.test/clip.mp4"]);
    const nothing = await longhaul(api, ["downloads", "get"]);

    expect([failed.code, failed.err]).toEqual([
      4,
      expect.stringContaining("The download failed: It is private."),
    ]);
    expect([refused.code, nothing.code]).toEqual([1, 2]);
    expect(await readdir(folder)).toEqual([]);
    expect(await Download.findOne()).toMatchObject({ mode: "archive" });
  });
});

describe("longhaul downloads list", () => {
  test("shows what there is, and what a download waits for", async () => {
    const { api, ready } = await startDownloads();
    const old = await makeDownload(ready);
    const { serial } = await makeDownload({ state: "working", waitingFor: "gate", title: "Film" });

    const all = await longhaul(api, ["downloads", "list"]);
    const one = await longhaul(api, ["downloads", "list", "--limit", "1", "--json"]);

    expect(all.out.split("\n").slice(1)).toEqual([
      expect.stringMatching(new RegExp(`^${serial} +working \\(gate\\) +- +Film$`)),
      expect.stringMatching(
        new RegExp(`^${old.serial} +ready +2126-01-01T08:00:00\\S+ +clip.mp4$`),
      ),
      "",
    ]);
    expect(one.json).toMatchObject({ items: [{ history_id: serial }], more: true });
  });
});

describe("longhaul downloads save", () => {
  test("brings a file into a new one, never over another, and leaves nothing when it is refused", async () => {
    const { api, folder, ready } = await startDownloads();
    const { serial } = await makeDownload(ready);
    const file = join(folder, "clip.mp4");

    const saved = await longhaul(api, ["downloads", "save", `${serial}`, file]);
    const again = await longhaul(api, ["downloads", "save", `${serial}`, file]);
    const none = await longhaul(api, ["downloads", "save", "1", join(folder, "none.mp4")]);

    expect(await readFile(file, "utf8")).toBe(BYTES);
    expect([saved.code, again.code, none.code]).toEqual([0, 2, 1]);
    expect(await readdir(folder)).toEqual(["clip.mp4"]);
  });
});
