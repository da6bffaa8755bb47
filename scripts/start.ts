import { fileURLToPath } from "node:url";
import { wordsFor } from "../supervisor/words.ts";

const NEEDED_NODE = "20.19.0";

const { LC_ALL, LC_MESSAGES, LANG } = process.env;
const words = wordsFor(LC_ALL || LC_MESSAGES || LANG);
if (process.versions.node.localeCompare(NEEDED_NODE, "en", { numeric: true }) < 0) {
  console.error(words.oldNode(process.versions.node, NEEDED_NODE));
  process.exit(78);
}

// An older Node could not even read the rest.
const { BadConfiguration, EXIT_CONFIGURATION, readEnv } = await import("../platform/env.ts");
const { explain, openScreen } = await import("../supervisor/screen.ts");
const { startPlatform } = await import("../supervisor/start.ts");

// A closed terminal must not end what still has to be put in order.
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});

try {
  const env = readEnv();
  const projectFolder = fileURLToPath(new URL("..", import.meta.url));
  const screen = openScreen(process.stdout, words, env.dataFolder);
  const inherited = process.env;
  process.exit(await startPlatform({ env, inherited, projectFolder, screen, words }));
} catch (error) {
  if (error instanceof BadConfiguration) {
    console.error(explain(error, words));
    process.exit(EXIT_CONFIGURATION);
  }
  // What the system refuses is for the person at the screen; anything else is a bug, and shows its stack.
  console.error(
    error instanceof Error && "code" in error ? `${words.fault} ${error.message}` : error,
  );
  process.exit(1);
}
