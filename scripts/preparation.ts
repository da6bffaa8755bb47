import { randomInt } from "node:crypto";
import { createFirstAdministrator } from "../models/accounts.ts";
import { type Database, openDatabase } from "../models/database.ts";
import { MODELS } from "../models/index.ts";
import { migrate } from "../models/schema.ts";
import { newId } from "../platform/crypto.ts";
import { databasePlace } from "../platform/database-place.ts";
import type { Env } from "../platform/env.ts";
import { createPasswords } from "../platform/passwords.ts";
import type { FirstSignIn } from "../platform/supervised.ts";

/** Letters and digits that nobody confuses. */
const ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const PASSWORD_CHARACTERS = 20;

/** Makes all tables and the first administrator, then does `more`; answers the migrations that ran, and the sign-in when it is new. */
export async function prepareDatabase(
  env: Env,
  more: (database: Database) => Promise<void> = async () => {},
): Promise<{ migrations: string[]; signIn: FirstSignIn | undefined }> {
  const database = await openDatabase({ ...databasePlace(env), define: MODELS });
  try {
    const migrations = await migrate(database);
    const password = env.ADMIN_PASSWORD ?? randomPassword();
    const { ADMIN_USERNAME: username } = env;
    const passwordHash = await createPasswords().hash(password);
    const made = await createFirstAdministrator(database, { id: newId(), username, passwordHash });
    await more(database);
    const signIn = env.ADMIN_PASSWORD ? { username } : { username, password };
    return { migrations, signIn: made ? signIn : undefined };
  } finally {
    await database.close();
  }
}

/** What a person without a start screen reads of a new sign-in. */
export function sentenceOf({ username, password }: FirstSignIn): string {
  const shown = password ? `password (shown this once): ${password}` : "password: the given one";
  return `Administrator: ${username}, ${shown}`;
}

function randomPassword(): string {
  return Array.from(
    { length: PASSWORD_CHARACTERS },
    () => ALPHABET[randomInt(ALPHABET.length)],
  ).join("");
}
