import { randomInt } from "node:crypto";
import { createFirstAdministrator } from "../models/accounts.ts";
import { openDatabase } from "../models/database.ts";
import { MODELS } from "../models/index.ts";
import { migrate } from "../models/schema.ts";
import { newId } from "../platform/crypto.ts";
import { type Env, readEnv } from "../platform/env.ts";
import { createPasswords } from "../platform/passwords.ts";
import { databasePlace } from "../platform/database-place.ts";
import { runProcess } from "../platform/shutdown.ts";
import { type FirstSignIn, tell } from "../platform/supervised.ts";

/** Letters and digits that nobody confuses. */
const ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const PASSWORD_CHARACTERS = 20;

// What must be there before the API starts: all tables, and the first administrator. A supervisor
// hears the password over its channel; it is in no log. By hand, whoever runs this sees it once.
await runProcess("database", async () => {
  const signIn = await prepareDatabase(readEnv());
  if (process.connected) tell({ type: "prepared", signIn, warnings: [] });
  else if (signIn) console.log(`Administrator: ${signIn.username}${passwordOf(signIn)}`);
  process.disconnect?.();
});

function passwordOf({ password }: FirstSignIn): string {
  return password ? `, password (shown this once): ${password}` : ", password: the given one";
}

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

function randomPassword(): string {
  return Array.from(
    { length: PASSWORD_CHARACTERS },
    () => ALPHABET[randomInt(ALPHABET.length)],
  ).join("");
}
