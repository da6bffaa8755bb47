import { expect, test } from "vitest";
import { listenToTraffic } from "../../platform/yt-dlp/traffic.ts";

/** What was heard in these lines, and which of them nobody else may see. */
function listen(lines: readonly string[]) {
  const heard: unknown[] = [];
  const isTraffic = listenToTraffic((...answer) => heard.push(answer));
  return { heard, left: lines.filter((line) => !isTraffic(line)) };
}

test("when to ask again is heard with the answer that said so; what requests hold is passed on to nobody", () => {
  const { heard, left } = listen([
    'director: Sending request via "requests"',
    String.raw`send: b'GET /x HTTP/1.1\r\nCookie: a=secret\r\n\r\n'`,
    "reply: 'HTTP/1.1 200 Connection established\\r\\n'",
    "reply: 'HTTP/1.1 429 Too Many Requests\\r\\n'",
    "header: Set-Cookie: a=secret",
    "header: retry-after: Sun, 22 Nov 2026 02:20:11 GMT",
    "ERROR: [generic] x: Unable to download webpage: HTTP Error 429",
    "WARNING: header: Retry-After: 5",
  ]);

  expect(heard).toEqual([[429, "Sun, 22 Nov 2026 02:20:11 GMT"]]);
  expect(left).toEqual([
    "ERROR: [generic] x: Unable to download webpage: HTTP Error 429",
    "WARNING: header: Retry-After: 5",
  ]);
});
