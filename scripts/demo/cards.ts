import { setTimeout as sleep } from "node:timers/promises";
import type { createPackageClient } from "./client.ts";

/** What the demo of cards works with. */
export interface CardDemo {
  baseUrl: string;
  administrator: ReturnType<typeof createPackageClient>;
  /** The whole codes of a batch. */
  codesOf: (batchId: string) => Promise<string[]>;
  say: (text: string) => void;
  step: (text: string) => void;
}

interface Verdict {
  status: string;
  message: string;
  code: string;
  expire_at?: string;
}

const TERM_SECONDS = 60;
/** How much of the term is left when the cards are ordered: nobody wants to watch a demo for three hours. */
const LEFT_SECONDS = 15;
const BATCH_MS = 10_000;

/** Cards are made; one is sold, bound to a machine, refused to another one, and over on the second. */
export async function demonstrateCards(demo: CardDemo): Promise<void> {
  const { administrator, baseUrl, codesOf, say, step } = demo;
  const show = async (code: string, machine: string) => {
    const verdict = await validate(baseUrl, code, machine);
    say(`${machine}: ${verdict.code} ${verdict.message} ${verdict.expire_at ?? ""}\n`);
    return verdict;
  };

  step(`make three cards that end in ${LEFT_SECONDS} seconds`);
  const policy = await administrator.send("/api/v1/cards/policies", {
    name: `demo ${Date.now()}`,
    term_seconds: TERM_SECONDS,
    starts: "date",
    starts_at: new Date(Date.now() - (TERM_SECONDS - LEFT_SECONDS) * 1000).toISOString(),
  });
  const order = { prefix: "DEMO", count: 3, policy: policy["id"], note: "npm run demo" };
  const batch = await administrator.send("/api/v1/cards/batches", order);
  const [code = ""] = await made(demo, String(batch["id"]), codesOf);
  say(`${code} and two others\n`);

  step("sell one: the first machine that shows it has it");
  const first = await show(code, "PC-1");
  expect(first, "VALID");
  expect(await show(` ${code.toLowerCase()}`, "PC-1"), "VALID");
  expect(await show(code, "PC-2"), "MACHINE_MISMATCH");

  step("wait for its end");
  await sleep(Math.max(0, Date.parse(first.expire_at ?? "") - Date.now()));
  expect(await show(code, "PC-1"), "EXPIRED");
}

async function made(
  { administrator }: CardDemo,
  id: string,
  codesOf: CardDemo["codesOf"],
): Promise<string[]> {
  for (const end = Date.now() + BATCH_MS; Date.now() < end; await sleep(200)) {
    const { status } = await administrator.read(`/api/v1/cards/batches/${id}`);
    if (status === "completed") return codesOf(id);
  }
  throw new Error(`The cards of batch ${id} were not made in time.`);
}

async function validate(baseUrl: string, code: string, machine: string): Promise<Verdict> {
  const response = await fetch(`${baseUrl}/api/validate`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ code, machine_code: machine }),
  });
  return (await response.json()) as Verdict;
}

function expect(verdict: Verdict, code: string): void {
  if (verdict.code !== code) throw new Error(`${code} was expected: ${verdict.message}`);
}
