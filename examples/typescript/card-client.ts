// A client of card keys: asks the platform whether a card is good for this machine, believes only what the platform has
// signed, and keeps a licence for days without a network. Needs nothing but Node.js.
//
//   curl -o card-keys.json https://cards.example/.well-known/card-keys.json   (once; ship it with your program)
//   npx tsx card-client.ts https://cards.example card-keys.json VIP-DEMO123456
import { createHash, createPublicKey, randomBytes, verify } from "node:crypto";
import { readFile } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import { pathToFileURL } from "node:url";

/** The platform's public keys, as its well-known address lists them. */
export interface CardKeys {
  keys: { kid: string; kty: string; crv: string; x: string }[];
}

/** What the platform said. `code` is the word to decide by: VALID, EXPIRED, MACHINE_MISMATCH, … */
export interface Verdict {
  status: "success" | "error";
  code: string;
  message: string;
  expire_at?: string | null;
  remaining_hours?: number | null;
}

/** A card that is shown on a machine. */
export interface Shown {
  code: string;
  machine_code: string;
  product?: string;
}

/** What this machine is known by. It should not change from one start to the next. */
export function machineCode(): string {
  const parts = [hostname(), userInfo().username].join("|");
  return `PC-${createHash("sha256").update(parts).digest("hex").slice(0, 16).toUpperCase()}`;
}

/** Asks whether a card is good. Throws when the answer is not the platform's own, or not to this question. */
export async function validate(address: string, keys: CardKeys, shown: Shown): Promise<Verdict> {
  const nonce = randomBytes(24).toString("base64url");
  const response = await fetch(`${address}/api/validate`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Nonce": nonce },
    body: JSON.stringify(shown),
  });
  const body = await response.text();
  checkProof(response, body, nonce, keys);
  const verdict = JSON.parse(body) as Verdict & { asked?: string };
  const asked = createHash("sha256").update(`${shown.code}\n${shown.machine_code}`).digest("hex");
  if (verdict.status === "success" && verdict.asked !== asked) {
    throw new Error("this is the answer to another question");
  }
  return verdict;
}

/** Gets a licence for a card that is good: a text to be kept in a file. */
export async function fetchLicence(address: string, shown: Shown): Promise<string> {
  const response = await fetch(`${address}/api/licence`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(shown),
  });
  const answer = (await response.json()) as { licence?: string; message: string };
  if (!answer.licence) throw new Error(answer.message);
  return answer.licence;
}

/** Whether a licence is good here and now; no network is needed. Throws when nobody but a forger can have made it. */
export function isLicensed(licence: string, keys: CardKeys, shown: Omit<Shown, "code">): boolean {
  const [head = "", claims = "", signature = ""] = licence.trim().split(".");
  const { kid, alg } = decode(head) as { kid: string; alg: string };
  const text = Buffer.from(`${head}.${claims}`);
  const isOurs = verify(null, text, keyOf(keys, kid), Buffer.from(signature, "base64url"));
  if (alg !== "EdDSA" || !isOurs) throw new Error("the licence is forged");
  const { machine_code, product, exp } = decode(claims) as Record<string, unknown>;
  const isHere = machine_code === shown.machine_code && (product ?? undefined) === shown.product;
  return isHere && Number(exp) * 1000 > Date.now();
}

/** HTTP Message Signatures (RFC 9421) over status, body digest and date, with our nonce among the terms. */
function checkProof(response: Response, body: string, nonce: string, keys: CardKeys): void {
  const header = (name: string) => response.headers.get(name) ?? "";
  const digest = `sha-256=:${createHash("sha256").update(body).digest("base64")}:`;
  const terms = header("Signature-Input").replace(/^card=/, "");
  const [, sentNonce, kid = ""] = /;nonce="([^"]*)";keyid="([^"]*)"/.exec(terms) ?? [];
  const signature = Buffer.from(/^card=:(.*):$/.exec(header("Signature"))?.[1] ?? "", "base64");
  const signed = [
    `"@status": ${response.status}`,
    `"content-digest": ${digest}`,
    `"date": ${header("Date")}`,
    `"@signature-params": ${terms}`,
  ].join("\n");
  const isOurs =
    sentNonce === nonce &&
    terms.startsWith('("@status" "content-digest" "date");') &&
    verify(null, Buffer.from(signed), keyOf(keys, kid), signature);
  if (!isOurs) throw new Error("this answer is not the platform's");
}

function keyOf({ keys }: CardKeys, kid: string) {
  const key = keys.find((one) => one.kid === kid);
  if (!key) throw new Error(`the key "${kid}" is not among those that came with this program`);
  return createPublicKey({ key, format: "jwk" });
}

function decode(part: string): unknown {
  return JSON.parse(Buffer.from(part, "base64url").toString());
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [address = "http://127.0.0.1:3000", keyFile = "card-keys.json", code = ""] =
    process.argv.slice(2);
  const keys = JSON.parse(await readFile(keyFile, "utf8")) as CardKeys;
  const shown = { code, machine_code: machineCode() };
  const verdict = await validate(address, keys, shown);
  console.log(`${verdict.code} ${verdict.message} ${verdict.expire_at ?? ""}`.trim());
  if (verdict.code === "VALID") {
    const licence = await fetchLicence(address, shown);
    console.log(`licensed: ${isLicensed(licence, keys, shown)}`);
  }
  process.exitCode = verdict.code === "VALID" ? 0 : 1;
}
