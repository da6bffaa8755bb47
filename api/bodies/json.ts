import type { IncomingMessage } from "node:http";
import { refusal } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { Context } from "../context.ts";
import { hasBody, letBodyCome } from "./arrival.ts";

const UTF_8 = new TextDecoder("utf-8", { fatal: true });
/** What nearly all clients say; what others mean is for Koa to find out. */
const PLAIN_JSON = /^application\/json(?:; ?charset=utf-8)?$/i;

/** The JSON in the body, or undefined when there is no body. Refuses other types, sizes and encodings. */
export async function readJson(ctx: Context): Promise<unknown> {
  if (!hasBody(ctx.req)) return undefined;
  assertJson(ctx);
  const bytes = await readWhole(ctx);
  try {
    return JSON.parse(UTF_8.decode(bytes));
  } catch (error) {
    throw refusal("request/malformed", `The body is not valid JSON: ${(error as Error).message}.`);
  }
}

/** The bytes of a small body. Refuses what is larger, too slow or cut short. */
export function readWhole(ctx: Context): Promise<Buffer> {
  if (Number(ctx.req.headers["content-length"] ?? 0) > LIMITS.jsonBodyBytes) throw tooLarge();
  letBodyCome(ctx);
  return readBytes(ctx.req);
}

function assertJson(ctx: Context): void {
  const encoding = ctx.get("Content-Encoding") || "identity";
  if (encoding === "identity" && PLAIN_JSON.test(ctx.get("Content-Type"))) return;
  const { charset } = ctx.request;
  const isUtf8 = !charset || /^utf-?8$/i.test(charset);
  if (!ctx.is("json", "+json") || !isUtf8 || encoding !== "identity") {
    throw refusal(
      "request/unsupported-media-type",
      "Send JSON: application/json, in UTF-8, not compressed.",
      {
        headers: { Accept: "application/json", "Accept-Encoding": "identity" },
      },
    );
  }
}

function tooLarge() {
  return refusal("request/too-large", `A body may have ${LIMITS.jsonBodyBytes} bytes.`);
}

/** Not `for await`: leaving that loop early would destroy the connection over which the answer must go. */
function readBytes(req: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const stop = (settle: () => void) => {
      clearTimeout(deadline);
      req.off("data", take).pause();
      settle();
    };
    const take = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > LIMITS.jsonBodyBytes) stop(() => reject(tooLarge()));
      else chunks.push(chunk);
    };
    const deadline = setTimeout(() => {
      stop(() => reject(refusal("request/too-slow", "The body took too long to arrive.")));
    }, LIMITS.jsonBodySeconds * 1000);
    const cutShort = () => {
      stop(() => reject(refusal("request/cut-short", "The body ended early. Send it again.")));
    };
    req.on("data", take);
    req.once("end", () => stop(() => resolve(Buffer.concat(chunks))));
    req.once("error", cutShort);
    if (req.destroyed) cutShort();
  });
}
