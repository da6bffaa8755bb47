import { openScreen } from "../../../supervisor/screen.ts";
import { supervise } from "../../../supervisor/supervise.ts";
import { tether } from "../../../supervisor/tether.ts";
import { wordsFor } from "../../../supervisor/words.ts";

/** What a test wants supervised; the first argument, as JSON. */
export interface Wanted {
  dataFolder: string;
  parts: {
    name: string;
    command: [string, ...string[]];
    graceMs: number;
    niceness?: number;
    tethered?: boolean;
  }[];
}

// A supervisor of parts that a test made up, in a process of its own, as npm start is one.
const { dataFolder, parts } = JSON.parse(process.argv[2]!) as Wanted;
const env = process.env;
const code = await supervise({
  dataFolder,
  witness: openScreen(process.stdout, wordsFor("en"), dataFolder),
  pauses: { firstMs: 50, longestMs: 200, healthyMs: 60_000 },
  async story(stage) {
    for (const [index, { tethered, command, ...given }] of parts.entries()) {
      const part = { ...given, env, turn: parts.length - index };
      await stage.start(
        tethered
          ? { ...part, command: await tether(command, env), ready: () => Promise.resolve(true) }
          : { ...part, command, ready: "says so" },
      );
    }
    console.log("up");
  },
});
process.exit(code);
