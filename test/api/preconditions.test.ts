import { describe, expect, test } from "vitest";
import {
  AFTER,
  BEFORE,
  CONTENT,
  ETAG,
  MODIFIED_TEXT,
  startFile,
  watch,
} from "../support/delivery.ts";

describe("conditions", () => {
  test.each<[string, Record<string, string>, number]>([
    ["If-Match with the tag", { "If-Match": `"${ETAG}"` }, 200],
    ["If-Match with *", { "If-Match": "*" }, 200],
    ["If-Match with a list that has the tag", { "If-Match": `"x", "${ETAG}"` }, 200],
    ["If-Match with another tag", { "If-Match": '"x"' }, 412],
    ["If-Match with the tag made weak", { "If-Match": `W/"${ETAG}"` }, 412],
    ["If-Match with the tag unquoted", { "If-Match": ETAG }, 412],
    [
      "If-Unmodified-Since with the time of the change",
      { "If-Unmodified-Since": MODIFIED_TEXT },
      200,
    ],
    ["If-Unmodified-Since with a later time", { "If-Unmodified-Since": AFTER }, 200],
    ["If-Unmodified-Since with an earlier time", { "If-Unmodified-Since": BEFORE }, 412],
    ["If-Unmodified-Since with nonsense", { "If-Unmodified-Since": "yesterday" }, 200],
    [
      "If-Unmodified-Since beside If-Match, which wins",
      { "If-Match": `"${ETAG}"`, "If-Unmodified-Since": BEFORE },
      200,
    ],
    ["If-None-Match with the tag", { "If-None-Match": `"${ETAG}"` }, 304],
    ["If-None-Match with the tag made weak", { "If-None-Match": `W/"${ETAG}"` }, 304],
    ["If-None-Match with *", { "If-None-Match": "*" }, 304],
    ["If-None-Match with a list that has the tag", { "If-None-Match": `"a,b", W/"${ETAG}"` }, 304],
    ["If-None-Match with another tag", { "If-None-Match": '"x"' }, 200],
    ["If-Modified-Since with the time of the change", { "If-Modified-Since": MODIFIED_TEXT }, 304],
    ["If-Modified-Since with a later time", { "If-Modified-Since": AFTER }, 304],
    ["If-Modified-Since with an earlier time", { "If-Modified-Since": BEFORE }, 200],
    [
      "If-Modified-Since in the form of RFC 850",
      { "If-Modified-Since": "Sunday, 01-Mar-26 12:00:00 GMT" },
      304,
    ],
    [
      "If-Modified-Since in the form of asctime",
      { "If-Modified-Since": "Sun Mar  1 12:00:00 2026" },
      304,
    ],
    [
      "If-Modified-Since in ISO 8601, which is none",
      { "If-Modified-Since": "2026-03-01T12:00:00Z" },
      200,
    ],
    [
      "If-Modified-Since beside If-None-Match, which wins",
      { "If-None-Match": '"x"', "If-Modified-Since": AFTER },
      200,
    ],
    [
      "If-Match that fails beside If-None-Match that holds",
      { "If-Match": '"x"', "If-None-Match": `"${ETAG}"` },
      412,
    ],
    [
      "If-None-Match beside a Range that cannot be served",
      { "If-None-Match": `"${ETAG}"`, Range: "bytes=99-" },
      304,
    ],
    [
      "If-Match that fails beside a Range that cannot be served",
      { "If-Match": '"x"', Range: "bytes=99-" },
      412,
    ],
  ])("%s", async (_, headers, expected) => {
    const object = watch(CONTENT);
    const get = await startFile(object);

    const got = await get(headers);
    const head = await get(headers, "HEAD");

    expect([got.status, head.status]).toEqual([expected, expected]);
    expect(got.headers.etag).toBe(`"${ETAG}"`);
    expect(object.closed).toBe(2);
  });

  test("that say the copy is right get 304 with the validators and nothing else", async () => {
    const get = await startFile();

    const { headers, bytes } = await get({ "If-None-Match": `"${ETAG}"` });

    expect(bytes).toHaveLength(0);
    expect(headers).toMatchObject({
      etag: `"${ETAG}"`,
      "last-modified": MODIFIED_TEXT,
      "cache-control": "public, max-age=60",
    });
    expect(headers["content-length"]).toBeUndefined();
    expect(headers["content-type"]).toBeUndefined();
  });

  test("that fail are told as a problem", async () => {
    const get = await startFile();

    const { status, text } = await get({ "If-Match": '"x"' });

    expect(status).toBe(412);
    expect(JSON.parse(text)).toMatchObject({ code: "request/precondition-failed" });
  });
});
