import { execFile } from "node:child_process";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { route } from "../../api/route.ts";
import { refusal } from "../../domain/errors.ts";
import { ADMIN, STRANGER } from "../support/api.ts";
import { startUploads, uploading } from "../support/forms.ts";
import { sendBytes } from "../support/http.ts";

const run = promisify(execFile);

describe("a client that uploads much and is refused early", () => {
  async function bigFile(bytes: number): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), "longhaul-forms-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const file = join(folder, "big");
    const handle = await open(file, "w");
    await handle.truncate(bytes);
    await handle.close();
    return file;
  }

  test.each([
    ["waits for 100 Continue", "Expect: 100-continue"],
    ["sends at once", "Expect:"],
    ["sends at once and in chunks", "Transfer-Encoding: chunked", "Expect:"],
  ])("and %s hears the answer: curl shows it", async (_, ...headers) => {
    const { upload } = uploading();
    const { api } = await startUploads({ upload });
    const file = await bigFile(200 * 1024 * 1024);

    const { stdout } = await run("curl", [
      "--silent",
      "--show-error",
      "--max-time",
      "20",
      ...["Authorization: Bearer " + api.tokenOf(STRANGER), ...headers].flatMap((h) => ["-H", h]),
      "-F",
      `file=@${file}`,
      `${api.address}/upload`,
    ]);

    expect(JSON.parse(stdout)).toMatchObject({ code: "accounts/not-allowed" });
  });

  test("by its store hears the answer: curl shows it", async () => {
    const { upload } = uploading(() =>
      Promise.reject(refusal("platform/storage-full", "There is no room for this file.")),
    );
    const { api } = await startUploads({
      upload: route({ ...upload, fileBytes: () => 1024 ** 3 }),
    });
    const file = await bigFile(200 * 1024 * 1024);

    const { stdout } = await run("curl", [
      "--silent",
      "--show-error",
      "-H",
      `Authorization: Bearer ${api.tokenOf(ADMIN)}`,
      "-F",
      `file=@${file}`,
      `${api.address}/upload`,
    ]);

    expect(JSON.parse(stdout)).toMatchObject({ code: "platform/storage-full" });
  });

  test("is not read to its end", async () => {
    const { upload } = uploading();
    const { api } = await startUploads({ upload });
    const chunk = Buffer.alloc(1024 * 1024);

    const answer = await sendBytes(
      api.address,
      `POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: ${20 * 1024 ** 3}\r\n\r\n`,
      ...Array.from({ length: 4 }, () => chunk),
    );

    expect(answer).toContain("HTTP/1.1 401");
    expect(answer).toMatch(/connection: close/i);
    expect(answer).toContain("accounts/not-signed-in");
  });
});
