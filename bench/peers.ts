import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import driver from "@appthreat/sqlite3";
import Koa from "koa";
import { sendCards } from "./peers/card-export.ts";
import { answerValidations } from "./peers/validate.ts";

// What the product is compared with: the least that does the same, each in a process of its own.

/** What the product reads at once. */
const READ_BYTES = 512 * 1024;
const WRITE_BYTES = 1024 * 1024;

const PEERS: Record<string, (...args: string[]) => RequestListener> = {
  "download-pipe": sendFile,
  "upload-pipe": takeFile,
  "koa-query": answerQuery,
  "koa-validate": answerValidations,
  "card-export": sendCards,
};

const [name = "", ...args] = process.argv.slice(2);
const server: Server = createServer(PEERS[name]!(...args));
server.listen(0, "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
process.once("SIGTERM", () => process.exit(0));

/** Sends one file to whoever asks. */
function sendFile(path = ""): RequestListener {
  const { size } = statSync(path);
  return (_, response) => {
    response.writeHead(200, { "content-length": size });
    void pipeline(createReadStream(path, { highWaterMark: READ_BYTES }), response).catch(() => {});
  };
}

/** Keeps the body of a request as a file: hashed on the way, synced once, and forgotten when it was answered. */
function takeFile(folder = ""): RequestListener {
  return (request, response) => {
    const path = join(folder, "received");
    const file = createWriteStream(path, { highWaterMark: WRITE_BYTES, flush: true });
    const hash = createHash("sha256");
    request.on("data", (chunk: Buffer) => hash.update(chunk));
    void pipeline(request, file).then(() =>
      response.end(hash.digest("hex"), () => void rm(path, { force: true })),
    );
  };
}

/** What is used of the driver. */
interface Driver {
  prepare(statement: string): {
    get(
      values: unknown[],
      answer: (error: Error | null, row: Record<string, unknown>) => void,
    ): void;
  };
}

/** Answers what a statement finds for `package_id`. */
function answerQuery(file = "", statement = "", answer = ""): RequestListener {
  const { Database } = driver as unknown as { Database: new (file: string) => Driver };
  const question = new Database(file).prepare(statement);
  const ask = (id: unknown) =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      question.get([id], (error, row) => (error ? reject(error) : resolve(row)));
    });
  const rest = JSON.parse(answer) as object;
  const listener = new Koa()
    .use(async (ctx) => {
      const row = await ask(ctx.query["package_id"]);
      ctx.body = { ...rest, version: row["version"] };
    })
    .callback();
  return (request, response) => void listener(request, response);
}
