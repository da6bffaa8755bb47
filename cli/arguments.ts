import { parseArgs, type ParseArgsConfig } from "node:util";
import { UsageFault } from "./endings.ts";
import type { Words } from "./words.ts";

/** One command: what it takes, how many words stand after it, and what it does. */
export const COMMANDS = {
  push: {
    options: {
      name: { type: "string" },
      package: { type: "string" },
      version: { type: "string" },
      channel: { type: "string" },
      draft: { type: "boolean" },
      description: { type: "string" },
      "no-follow": { type: "boolean" },
    },
    operands: [1, 1],
  },
  list: { options: { limit: { type: "string" } }, operands: [0, 0] },
  log: { options: { follow: { type: "boolean" } }, operands: [1, 2] },
  rollback: {
    options: { "dry-run": { type: "boolean" }, "no-follow": { type: "boolean" } },
    operands: [2, 2],
  },
  query: { options: {}, operands: [1, 1] },
} as const satisfies Record<
  string,
  { options: NonNullable<ParseArgsConfig["options"]>; operands: readonly [number, number] }
>;
export type Command = keyof typeof COMMANDS;

/** A command line that can be carried out. */
export interface Order {
  command: Command;
  operands: string[];
  options: Readonly<Record<string, string | boolean | undefined>>;
}

const COMMON = {
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

/** What was typed: an order, or a wish for help or for the version. Throws `UsageFault`. */
export function readArguments(argv: readonly string[], words: Words): Order | "help" | "version" {
  const [group, name, ...rest] = argv;
  if (group === "--version") return "version";
  if (group === undefined || group === "help" || argv.includes("--help") || argv.includes("-h")) {
    return "help";
  }
  if (group !== "packages") throw new UsageFault(words.unknownCommand(group));
  if (name === undefined || !Object.hasOwn(COMMANDS, name)) {
    throw new UsageFault(words.unknownCommand([group, name].filter(Boolean).join(" ")));
  }
  const command = name as Command;
  const { options, operands } = COMMANDS[command];
  const parsed = parse(rest, { ...COMMON, ...options });
  const [fewest, most] = operands;
  if (parsed.positionals.length < fewest || parsed.positionals.length > most) {
    throw new UsageFault(words.usage[command]);
  }
  return { command, operands: parsed.positionals, options: parsed.values };
}

function parse(args: string[], options: NonNullable<ParseArgsConfig["options"]>) {
  try {
    const parsed = parseArgs({ args, options, allowPositionals: true });
    return {
      positionals: parsed.positionals,
      values: parsed.values as Record<string, string | boolean | undefined>,
    };
  } catch (error) {
    throw new UsageFault((error as Error).message, { cause: error });
  }
}
