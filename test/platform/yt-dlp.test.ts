import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Heard } from "../../domain/downloads/progress.ts";
import { openShell, type Shell } from "../../platform/shell.ts";
import { findYtDlp, type MediaTool, type MediaWish, NoYtDlp } from "../../platform/yt-dlp/index.ts";
import { factsArguments } from "../../platform/yt-dlp/options.ts";
import { provideProgram } from "../support/services/programs.ts";
import { provideMediaTool } from "../support/services/yt-dlp.ts";
import {
  mediaBytes,
  type MediaServer,
  startMediaServer,
} from "../support/stand-ins/media-server.ts";

const MiB = 1024 * 1024;

let folder: string;
let source: MediaServer;
let tool: MediaTool;
let shell: Shell;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "longhaul-yt-dlp-"));
  source = await startMediaServer();
  ({ tool, shell } = await provideMediaTool(folder));
});
afterAll(async () => {
  await source.close();
  await rm(folder, { recursive: true, force: true });
});

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(folder, "task-"));
});

const wish = (path: string, given: Partial<MediaWish> = {}): MediaWish => ({
  url: source.address + path,
  quality: "best",
  format: "mp4",
  maxBytes: 100 * MiB,
  ...given,
});
const fetch = (
  path: string,
  given: Partial<MediaWish> = {},
  more: { signal?: AbortSignal; onProgress?: (heard: Heard) => void; known?: boolean } = {},
) =>
  tool.fetch(
    { wish: wish(path, given), directory, timeoutMs: 60_000, ...more },
    more.known ?? false,
  );

test("an address tells yt-dlp where to look, and not what to do there", () => {
  const sneaky = wish('/film.mp4#t=1#__youtubedl_smuggle={"force_videoid":"x"}');

  const args = factsArguments(sneaky, { ffmpeg: true, node: "node" });

  expect(args.slice(-2)).toEqual(["--", `${source.address}/film.mp4#t=1`]);
});

test("a source may say what is no number", async () => {
  const said = {
    "@context": "https://schema.org",
    "@type": "VideoObject",
    name: "NaN, -Infinity",
    contentUrl: `${source.address}/odd.mp4`,
    aggregateRating: { ratingValue: "nan" },
  };
  const page = `<script type="application/ld+json">${JSON.stringify(said)}</script>`;
  source.serve("/odd.html", Buffer.from(page), { contentType: "text/html" });
  source.serve("/odd.mp4", mediaBytes(1000));

  const facts = await tool.readFacts({ wish: wish("/odd.html"), directory, timeoutMs: 60_000 });

  expect(facts).toMatchObject({ title: "NaN, -Infinity" });
  expect(await readFile(join(directory, "facts.info.json"), "utf8")).toContain(": NaN");
});

describe("what is fetched", () => {
  test("is the source's own bytes, by one process, with its progress and what is known of it", async () => {
    const bytes = mediaBytes(3 * MiB);
    source.serve("/whole.mp4", bytes, { bytesPerTick: 256 * 1024 });
    const heard: Heard[] = [];

    const media = await fetch("/whole.mp4", {}, { onProgress: (one) => heard.push(one) });

    expect(media).toMatchObject({
      extension: "mp4",
      bytes: bytes.length,
      facts: { title: "whole" },
    });
    expect((await readFile((media as { file: string }).file)).equals(bytes)).toBe(true);
    expect(heard).toContainEqual(
      expect.objectContaining({
        kind: "stream",
        totalBytes: bytes.length,
        downloadedBytes: bytes.length,
      }),
    );
    // One look at what it is, and one at its bytes.
    expect(source.asked.filter(({ path }) => path === "/whole.mp4")).toHaveLength(2);
  });

  test("goes on where it was when the process that fetched it was ended", async () => {
    const bytes = mediaBytes(4 * MiB);
    source.serve("/broken.mp4", bytes, { bytesPerTick: 32 * 1024 });
    const ending = new AbortController();
    const half = (heard: Heard) => {
      if (heard.kind === "stream" && heard.downloadedBytes > 2 * MiB) ending.abort();
    };
    const first = fetch("/broken.mp4", {}, { signal: ending.signal, onProgress: half });
    await expect(first).rejects.toThrow(/abort/i);
    const before = source.sent("/broken.mp4");
    source.serve("/broken.mp4", bytes);

    const media = await fetch("/broken.mp4", {}, { known: true });

    expect((await readFile((media as { file: string }).file)).equals(bytes)).toBe(true);
    expect(source.asked.at(-1)!.range).toMatch(/^bytes=[1-9]\d+-/);
    expect(source.sent("/broken.mp4") - before).toBeLessThan(0.6 * bytes.length);
    // Nothing was asked but the bytes: what the first process had learned was there.
    expect(source.asked.filter(({ path }) => path === "/broken.mp4")).toHaveLength(3);
  });

  test("never comes but by HTTP: what would go around our proxy counts as not there", async () => {
    const files = [{ file: "rtmp://127.0.0.1:1935/live/film", label: "720p" }];
    const setup = JSON.stringify({ playlist: [{ title: "Film", sources: files }] });
    const page = `<html><body><div id="p"></div><script>jwplayer("p").setup(${setup});</script></body></html>`;
    source.serve("/player", Buffer.from(page), { contentType: "text/html" });

    expect(await fetch("/player")).toMatchObject({ code: "downloads/format-missing" });
    expect(await fetch("/player", { formatId: "720p" })).toMatchObject({ kind: "terminal" });
  });

  test("may be put together of segments", async () => {
    await provideProgram({ names: ["ffmpeg"], debian: "ffmpeg" });
    const stream = join(folder, "hls");
    await mkdir(stream);
    const picture = ["-f", "lavfi", "-i", "testsrc=size=160x90:rate=10:duration=6"];
    const segments = ["-g", "10", "-f", "hls", "-hls_time", "1", "-hls_list_size", "0"];
    await promisify(execFile)("ffmpeg", [
      "-v",
      "error",
      ...picture,
      ...segments,
      join(stream, "list.m3u8"),
    ]);
    for (const name of await readdir(stream)) {
      const contentType = name.endsWith("m3u8") ? "application/vnd.apple.mpegurl" : "video/mp2t";
      source.serve(`/hls/${name}`, await readFile(join(stream, name)), { contentType });
    }

    const media = await fetch("/hls/list.m3u8");

    const { file } = media as { file: string };
    const asked = ["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", file];
    const { stdout } = await promisify(execFile)("ffprobe", asked);
    expect(media).toMatchObject({ extension: "mp4" });
    expect(Number(stdout)).toBeCloseTo(6, 0);
  });
});

describe("a source that", () => {
  test("cannot be fetched, says so in a way that is understood", async () => {
    const bad = {
      "/none.mp4": [{ status: 404 }, "downloads/source-gone"],
      "/no.mp4": [{ status: 403 }, "downloads/blocked"],
      "/often.mp4": [{ status: 429 }, "downloads/rate-limited"],
      "/down.mp4": [{ status: 500 }, "downloads/source-away"],
      "/page": [{ contentType: "text/html" }, "downloads/unsupported"],
    } as const;
    const failures: Record<string, unknown> = {};

    await Promise.all(
      Object.entries(bad).map(async ([path, [served]]) => {
        source.serve(path, Buffer.from("<html>nothing</html>"), served);
        const own = await mkdtemp(join(folder, "task-"));
        const run = { wish: wish(path), directory: own, timeoutMs: 60_000 };
        failures[path] = ((await tool.fetch(run, false)) as { code: string }).code;
      }),
    );

    expect(failures).toEqual(
      Object.fromEntries(Object.entries(bad).map(([path, [, code]]) => [path, code])),
    );
  });

  test("says that it is too large is not even begun, and no success", async () => {
    source.serve("/large.mp4", mediaBytes(3 * MiB));

    const failure = await fetch("/large.mp4", { maxBytes: MiB });

    expect(failure).toMatchObject({ code: "downloads/too-large", kind: "terminal" });
  });

  test("does not say how large it is, is ended where it is too much", async () => {
    const bytes = mediaBytes(20 * MiB);
    source.serve("/endless.mp4", bytes, { hidesLength: true, bytesPerTick: 512 * 1024 });

    const failure = await fetch("/endless.mp4", { maxBytes: MiB });

    expect(failure).toMatchObject({ code: "downloads/too-large", kind: "terminal" });
    expect(source.sent("/endless.mp4")).toBeLessThan(bytes.length);
  });

  test("is called like an option, or a path, is neither", async () => {
    const name = "/../../--exec=touch stolen;'\"`id`‮.mp4";
    const { pathname } = new URL(name, source.address);
    source.serve(decodeURIComponent(pathname), mediaBytes(1000));

    const media = await fetch(pathname);

    expect(media).toMatchObject({ extension: "mp4", bytes: 1000 });
    expect((await readdir(directory)).sort()).toEqual(["facts.info.json", "media.mp4"]);
  });
});

test("what a source says of its media is read without fetching it", async () => {
  source.serve("/facts.mp4", mediaBytes(5 * MiB), { bytesPerTick: 1024 });

  const facts = await tool.readFacts({ wish: wish("/facts.mp4"), directory, timeoutMs: 60_000 });

  expect(facts).toMatchObject({
    id: "facts",
    title: "facts",
    extractor: "Generic",
    formats: [{ id: "mp4" }],
  });
  expect(await readdir(directory)).toEqual(["facts.info.json"]);
});

describe("yt-dlp", () => {
  const search = (more: object) => ({
    shell,
    cacheFolder: join(folder, "cache"),
    machine: process.env,
    ...more,
  });

  test("is the one that is configured, and no other", async () => {
    const path = join(folder, "my-yt-dlp");
    await writeFile(path, "#!/bin/sh\necho 2026.01.02\n", { mode: 0o755 });

    expect(await findYtDlp(search({ configured: path }))).toMatchObject({
      command: path,
      version: "2026.01.02",
      route: "YT_DLP",
    });
    await expect(findYtDlp(search({ configured: "/nowhere" }))).rejects.toThrow(NoYtDlp);
  });

  test("that is too old is passed over, and everything that was tried is named", async () => {
    const bin = await mkdtemp(join(folder, "bin-"));
    await writeFile(join(bin, "yt-dlp"), "#!/bin/sh\necho 2023.03.04\n", { mode: 0o755 });
    const path = `${bin}:${process.env["PATH"]}`;
    const places = { scratchFolder: join(folder, "scratch-2"), runFolder: join(folder, "run") };
    const older = await openShell({ ...places, path });

    const looking = findYtDlp({
      ...search({ shell: older }),
      fetch: () => Promise.reject(new Error("no network")),
    });

    const { tried } = (await looking.catch((error: unknown) => error)) as NoYtDlp;
    expect(tried).toEqual([
      expect.stringMatching(/^PATH: .* is 2023\.03\.04, at least/),
      "PyPI wheel: no network",
    ]);
  });
});
