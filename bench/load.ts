import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, type Dispatcher } from "undici";

// Asks one address so many times, over so many connections, with an API key or an access token; or posts to it, in
// turn, the lines of a file, which are JSON. With a rate it asks so often a second, whatever comes of it, and says when
// each was due, and how many milliseconds later its answer was there: what waits behind a slow answer is slow as well. The
// first second is left out, in which this program itself is still slow.

const [address = "", connections = "", answers = "", secret = "", file = "", rate = ""] =
  process.argv.slice(2);
const { origin, pathname, search } = new URL(address);
const orders = file ? readFileSync(file, "utf8").trim().split("\n") : [];
const request = requestWith(secret, orders.length > 0);
const answered: { dueAt: number; tookMs: number }[] = [];
let asked = 0;

const began = performance.now();
await Promise.all(Array.from({ length: Number(connections) }, ask));
if (rate) console.log(JSON.stringify(answered));

async function ask(): Promise<void> {
  const client = new Client(origin);
  for (let n = asked++; n < Number(answers); n = asked++) {
    const due = rate ? began + (n * 1000) / Number(rate) : 0;
    const waitMs = due - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    const order = orders[n % orders.length];
    const asking = order ? { ...request, body: order } : request;
    const { statusCode, body } = await client.request(asking);
    await body.dump();
    if (statusCode !== 200) throw new Error(`${address} answered ${statusCode}`);
    if (rate && n >= Number(rate)) {
      answered.push({ dueAt: performance.timeOrigin + due, tookMs: performance.now() - due });
    }
  }
  await client.close();
}

function requestWith(key: string, isPost: boolean): Dispatcher.RequestOptions {
  const signedIn = key.startsWith("lh_key_")
    ? { "x-api-key": key }
    : { authorization: `Bearer ${key}` };
  return {
    method: isPost ? "POST" : "GET",
    path: pathname + search,
    headers: {
      ...(key && signedIn),
      ...(isPost && { "content-type": "application/json" }),
    },
  };
}
