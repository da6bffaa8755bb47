import { randomInt } from "node:crypto";
import { createFirstAdministrator } from "../models/accounts.ts";
import { openDatabase } from "../models/database.ts";
import { MODELS } from "../models/index.ts";
import { migrate } from "../models/schema.ts";
import { newId } from "../platform/crypto.ts";
import { type Env, readEnv } from "../platform/env.ts";
import { ensureNamespace, RETENTION_DAYS } from "../platform/namespaces.ts";
import { createPasswords } from "../platform/passwords.ts";
import { databasePlace } from "../platform/database-place.ts";
import { runProcess } from "../platform/shutdown.ts";
import { type FirstSignIn, tell } from "../platform/supervised.ts";
import { openTemporalClient } from "../platform/temporal.ts";

/** Letters and digits that nobody confuses. */
const ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const PASSWORD_CHARACTERS = 20;

// Everything that must be there before the first part starts: tables, the first administrator, the
// namespace. The supervisor hears the outcome over its channel: a password belongs on no other way.
await runProcess("prepare", async () => {
  const env = readEnv();
  const [signIn, warnings] = await Promise.all([prepareDatabase(env), prepareTemporal(env)]);
  tell({ type: "prepared", signIn, warnings });
  process.disconnect?.();
});

async function prepareDatabase(env: Env): Promise<FirstSignIn | undefined> {
  const database = await openDatabase({ ...databasePlace(env), define: MODELS });
  try {
    await migrate(database);
    const password = env.ADMIN_PASSWORD ?? randomPassword();
    const { ADMIN_USERNAME: username } = env;
    const passwordHash = await createPasswords().hash(password);
    const made = await createFirstAdministrator(database, { id: newId(), username, passwordHash });
    if (!made) return undefined;
    return env.ADMIN_PASSWORD ? { username } : { username, password };
  } finally {
    await database.close();
  }
}

async function prepareTemporal(env: Env): Promise<string[]> {
  const temporal = openTemporalClient(env);
  try {
    const wish = { namespace: env.TEMPORAL_NAMESPACE, retentionDays: RETENTION_DAYS };
    return await ensureNamespace(temporal.client.connection, wish);
  } finally {
    await temporal.close();
  }
}

function randomPassword(): string {
  return Array.from(
    { length: PASSWORD_CHARACTERS },
    () => ALPHABET[randomInt(ALPHABET.length)],
  ).join("");
}
