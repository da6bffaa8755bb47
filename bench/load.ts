import { Client } from "undici";

// Asks one address so many times, over so many connections.

const [address = "", connections = "", answers = "", apiKey = ""] = process.argv.slice(2);
const { origin, pathname, search } = new URL(address);
const request = {
  method: "GET",
  path: pathname + search,
  headers: { "x-api-key": apiKey },
} as const;
let left = Number(answers);

async function ask(): Promise<void> {
  const client = new Client(origin);
  while (left-- > 0) {
    const { statusCode, body } = await client.request(request);
    await body.dump();
    if (statusCode !== 200) throw new Error(`${address} answered ${statusCode}`);
  }
  await client.close();
}

await Promise.all(Array.from({ length: Number(connections) }, ask));
