import { readFile, writeFile } from "node:fs/promises";
import { envExample } from "../platform/env.ts";

/** Writes .env.example; with `--check` only says whether it is what would be written. */
const FILE = ".env.example";

if (process.argv.includes("--check")) {
  const present = await readFile(FILE, "utf8").catch(() => "");
  if (present !== envExample()) {
    console.error(`${FILE} does not say what platform/env.ts reads: npm run env:example`);
    process.exitCode = 1;
  }
} else {
  await writeFile(FILE, envExample());
}
