import { refusal } from "../../domain/errors.ts";
import type { Context } from "../context.ts";
import { hasBody } from "./arrival.ts";
import { readWhole } from "./json.ts";

const TYPE = "application/x-www-form-urlencoded";

/** The fields of a plain form in the body, or undefined when there is no body. Refuses one that is there twice. */
export async function readFields(ctx: Context): Promise<Record<string, string> | undefined> {
  if (!hasBody(ctx.req)) return undefined;
  const encoding = ctx.get("Content-Encoding") || "identity";
  const { charset } = ctx.request;
  if (!ctx.is(TYPE) || encoding !== "identity" || (charset && !/^utf-?8$/i.test(charset))) {
    throw refusal("request/unsupported-media-type", `Send ${TYPE}, in UTF-8, not compressed.`);
  }
  const fields = new URLSearchParams((await readWhole(ctx)).toString("utf8"));
  const given = Object.fromEntries(fields);
  if (Object.keys(given).length !== fields.size) {
    throw refusal("request/malformed", "A field stands in the form twice.");
  }
  return given;
}
