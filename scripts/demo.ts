import { createHash } from "node:crypto";
import { ROLES } from "../domain/accounts.ts";
import { Account, issueApiKey, revokeApiKey } from "../models/accounts.ts";
import { openDatabase } from "../models/database.ts";
import { Card } from "../models/cards/index.ts";
import { MODELS } from "../models/index.ts";
import { cardKeys, openCardCodes } from "../platform/card-codes.ts";
import { makeSecret, newId } from "../platform/crypto.ts";
import { readEnv } from "../platform/env.ts";
import { ensureKeys } from "../platform/keys.ts";
import { databasePlace } from "../platform/database-place.ts";
import { demonstrateCards } from "./demo/cards.ts";
import { createPackageClient } from "./demo/client.ts";
import { demonstrateDownloads } from "./demo/downloads.ts";
import { demonstrateMoney } from "./demo/money.ts";
import { makeApk, makeZip, type SamplePackage } from "./demo/sample-package.ts";

// Acts as a package client would, against the platform that runs on this machine's configuration.
const KEY_MS = 3_600_000;
const env = readEnv();
const say = (text: string) => process.stdout.write(text);
const step = (text: string) => say(`\n==> ${text}\n`);
const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

// Asked first: opening a database that nobody has made would make one.
if (!(await fetch(`${env.publicUrl}/live`).catch(() => undefined))?.ok) {
  say(`Nothing answers at ${env.publicUrl}: run "npm start" first.\n`);
  process.exit(1);
}
const database = await openDatabase({ ...databasePlace(env), define: MODELS });
const key = await lendKey();
try {
  const client = createPackageClient(env.publicUrl, key.secret);
  await demonstrate(client);
  const { publicUrl: baseUrl, dataFolder } = env;
  await demonstrateMoney({ baseUrl, dataFolder, administrator: client, say, step });
  await demonstrateCards({ baseUrl, administrator: client, codesOf, say, step });
  await demonstrateDownloads({ baseUrl, client, secret: key.secret, say, step });
} catch (error) {
  say(`\nThe demo stopped: ${(error as Error).message}\n`);
  process.exitCode = 1;
} finally {
  await key.takeBack();
  await database.close();
}

async function demonstrate(client: ReturnType<typeof createPackageClient>): Promise<void> {
  const name = `Demo ${new Date().toISOString()}`;
  const make = (await makeApk()) ? async () => (await makeApk())! : makeZip;

  step(`upload a new package, "${name}"`);
  const first = await make();
  say(`${first.fileName}, ${first.bytes.length} bytes, sha256 ${digest(first.bytes)}\n`);
  const created = await client.send("/api/v1/packages", form(first, "1.0.0", name));
  const id = String(created["id"]);
  const path = `/api/v1/packages/${id}`;
  const firstRun = await client.watch(id, runId(created), say);

  step("download it from the link that never changes");
  const link = String((await client.read(path))["download_url"]);
  const one = await fetchLive(client, path, link);

  step("replace it by version 1.1.0; the link stays");
  const replaced = await client.send(`${path}/versions`, form(await make(), "1.1.0"));
  await client.watch(id, runId(replaced), say);
  const two = await fetchLive(client, path, link);
  if (two === one) throw new Error("the link still shows version 1.0.0");

  step("roll back to version 1.0.0");
  const rolledBack = await client.send(`${path}/rollback`, { version: "1.0.0" });
  await client.watch(id, runId(rolledBack), say);
  if ((await fetchLive(client, path, link)) !== one)
    throw new Error("the rollback shows other bytes");

  step("ask as an app client does");
  const { data } = await client.read(`/api/v1/package/query?package_id=${id}`);
  say(`${JSON.stringify(data, null, 2)}\n`);

  step("everything agrees. Look at");
  say(`the link          ${link}\n`);
  say(`its history       ${env.publicUrl}${path}/runs  (X-API-Key or Bearer)\n`);
  say(`the first run     ${String(firstRun["temporal_url"])}\n`);
  say(
    `all its workflows ${env.temporalUiUrl}/namespaces/${env.TEMPORAL_NAMESPACE}/workflows?query=${encodeURIComponent(`Subject="${id}"`)}\n`,
  );
  say(`API docs          ${env.publicUrl}/docs\n`);
}

/** Downloads what the link shows and proves that its bytes, its entity tag and the API's digest are the same. */
async function fetchLive(
  client: ReturnType<typeof createPackageClient>,
  path: string,
  link: string,
): Promise<string> {
  const response = await fetch(link);
  const bytes = new Uint8Array(await response.arrayBuffer());
  const sha256 = digest(bytes);
  const told = await client.read(path);
  const agree = response.headers.get("etag") === `"${sha256}"` && told["sha256"] === sha256;
  say(`${String(told["live_version"])}: ${bytes.length} bytes, sha256 ${sha256}\n`);
  if (!agree) throw new Error("the link, its entity tag and the API do not agree");
  return sha256;
}

function form({ fileName, bytes }: SamplePackage, version: string, name?: string): FormData {
  const fields = new FormData();
  if (name) fields.set("name", name);
  fields.set("version", version);
  fields.set("sha256", digest(bytes));
  fields.set("file", new Blob([new Uint8Array(bytes)]), fileName);
  return fields;
}

/** The codes of a batch, as an export would give them. */
async function codesOf(batchId: string): Promise<string[]> {
  const { secretKey } = await ensureKeys(env);
  const codes = openCardCodes(cardKeys(secretKey, env.CARD_KEYS));
  const cards = await Card.findAll({ where: { batchId } });
  return cards.map(({ id, codeSealed }) => codes.unseal(codeSealed, id));
}

function runId(accepted: Record<string, unknown>): string {
  return (accepted["run"] as { id: string }).id;
}

/** An API key of the first administrator for the time of the demo: who may read the data folder may have one. */
async function lendKey(): Promise<{ secret: string; takeBack(): Promise<void> }> {
  const owner = await Account.findOne({ where: { username: env.ADMIN_USERNAME } });
  if (!owner) throw new Error('There is no administrator yet: run "npm start" first.');
  const origin = {
    actor: { accountId: owner.id, name: owner.username },
    address: "127.0.0.1",
    requestId: newId(),
  };
  const { secret, prefix, lastFour, hash } = makeSecret("key");
  const id = newId();
  const scopes = [...ROLES.admin].filter((scope) =>
    /^(packages|billing|cards|downloads):/.test(scope),
  );
  const expiresAt = new Date(Date.now() + KEY_MS);
  await issueApiKey(
    database,
    { id, accountId: owner.id, name: "demo", prefix, lastFour, hash, scopes, expiresAt },
    origin,
  );
  return {
    secret,
    takeBack: () => revokeApiKey(database, { id, accountId: owner.id }, origin),
  };
}
