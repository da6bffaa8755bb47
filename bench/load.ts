import { Client } from "undici";

// Asks one address so many times, over so many connections, with an API key or an access token.

const [address = "", connections = "", answers = "", secret = ""] = process.argv.slice(2);
const { origin, pathname, search } = new URL(address);
const request = {
  method: "GET",
  path: pathname + search,
  headers: secret.startsWith("lh_key_")
    ? { "x-api-key": secret }
    : { authorization: `Bearer ${secret}` },
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
