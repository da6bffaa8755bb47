import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { createPackageClient } from "./client.ts";

/** What the demo of money works with. */
export interface MoneyDemo {
  baseUrl: string;
  /** Where the development provider writes what it would send. */
  dataFolder: string;
  administrator: ReturnType<typeof createPackageClient>;
  say: (text: string) => void;
  step: (text: string) => void;
}

type Answer = Record<string, unknown>;

const CODE_MS = 20_000;

/** Somebody registers, pays in, has money held for some work, is charged, and reads the bill. */
export async function demonstrateMoney(demo: MoneyDemo): Promise<void> {
  const { baseUrl, administrator, say, step } = demo;
  const name = `demo_${randomBytes(4).toString("hex")}`;
  const email = `${name}@example.com`;
  const password = randomBytes(12).toString("base64url");

  step(`register "${name}" by e-mail`);
  const registration = { username: name, email, password };
  const registered = await ask(baseUrl, "POST", "/api/v1/auth/register", registration);
  const user = registered["user"] as { id: string };
  const token = String(registered["access_token"]);
  const own = (method: string, path: string, body?: object) =>
    ask(baseUrl, method, path, body, { authorization: `Bearer ${token}` });
  const showBalance = async () =>
    say(`balance ${String((await own("GET", "/api/v1/users/balance"))["balance"])}\n`);

  step("verify the address with the code from dev-messages.jsonl");
  const code = await readCode(demo.dataFolder, email);
  await ask(baseUrl, "POST", "/api/v1/auth/verify-email", { email, verification_code: code });
  say(`${email} is verified by ${code}\n`);

  step("pay in 20.00; it counts when the administrator has seen the money");
  const recharge = await own("POST", "/api/v1/users/recharge", { amount: "20.00" });
  await showBalance();
  const rechargeId = recharge["recharge_id"];
  if (typeof rechargeId === "string") {
    await administrator.send(`/api/v1/admin/recharges/${rechargeId}/confirm`, {});
    await showBalance();
  }

  step("hold what ten frames cost, and charge for the eight that were made");
  const order = { user_id: user.id, usage: { frames: 10 }, description: "A film of eight frames" };
  const hold = await administrator.send("/api/v1/admin/holds", order);
  say(
    `held    ${String(hold["amount"])} by version ${String(hold["price_version"])} of the prices\n`,
  );
  await showBalance();
  const path = `/api/v1/admin/holds/${String(hold["id"])}/capture`;
  const captured = await administrator.send(path, { usage: { frames: 8 } });
  say(`charged ${String(captured["charged"])}\n`);
  await showBalance();

  step("see the bill");
  const { bills } = await own("GET", "/api/v1/users/bills");
  say(`${JSON.stringify(bills, null, 2)}\n`);
  const [bill] = bills as Answer[];
  if (bill?.["amount"] !== captured["charged"]) throw new Error("the bill is not what was charged");
}

/** The code that would have been mailed, as soon as it is there. */
async function readCode(dataFolder: string, address: string): Promise<string> {
  const file = join(dataFolder, "dev-messages.jsonl");
  for (const end = Date.now() + CODE_MS; Date.now() < end; await sleep(200)) {
    const lines = (await readFile(file, "utf8").catch(() => "")).split("\n").filter(Boolean);
    const messages = lines.map((line) => JSON.parse(line) as { to: string; code: string });
    const found = messages.findLast(({ to }) => to === address);
    if (found) return found.code;
  }
  throw new Error(`No code for ${address} came to ${file}: set DEV_MESSAGES=on.`);
}

async function ask(
  baseUrl: string,
  method: string,
  path: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(baseUrl + path, {
    method,
    headers: { ...headers, ...(body && { "content-type": "application/json" }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as Answer;
  if (response.ok) return answer;
  throw new Error(`${method} ${path} answered ${response.status}: ${String(answer["detail"])}`);
}
