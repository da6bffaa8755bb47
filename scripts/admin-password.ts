import { randomBytes } from "node:crypto";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { Account, setPassword } from "../models/accounts.ts";
import { openDatabase } from "../models/database.ts";
import { MODELS } from "../models/index.ts";
import { migrate } from "../models/schema.ts";
import { databasePlace } from "../platform/database-place.ts";
import { BadConfiguration, EXIT_CONFIGURATION, readEnv } from "../platform/env.ts";
import { createPasswords } from "../platform/passwords.ts";

/**
 * `npm run admin:password` gives the administrator a new random password, ends all their sessions and shows it once;
 * with `-- --stdin` the password is what comes on stdin. It is never an argument: those are seen by everybody.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { stdin: { type: "boolean" } } });
  const given = values.stdin ? (await text(process.stdin)).trim() : undefined;
  if (given !== undefined && (given.length < 8 || given.length > 200)) {
    throw new BadConfiguration(["stdin: a password has 8 to 200 characters"]);
  }

  const env = readEnv();
  const database = await openDatabase({ ...databasePlace(env), define: MODELS });
  try {
    await migrate(database);
    const administrator = await Account.findOne({
      where: { role: "admin" },
      order: [["createdAt", "ASC"]],
    });
    if (!administrator) {
      console.error("There is no administrator yet: the first start makes one.");
      process.exitCode = 1;
      return;
    }
    const password = given ?? randomBytes(15).toString("base64url");
    const passwordHash = await createPasswords().hash(password);
    await setPassword(database, administrator.id, passwordHash, null);
    console.log(`The password of ${administrator.username} is new, and all its sessions ended.`);
    if (given === undefined) console.log(`Password: ${password}`);
  } finally {
    await database.close();
  }
}

await main().catch((error: unknown) => {
  const known = error instanceof BadConfiguration;
  console.error(known ? error.message : error);
  process.exitCode = known ? EXIT_CONFIGURATION : 1;
});
