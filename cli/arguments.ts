import { parseArgs, type ParseArgsConfig } from "node:util";
import { UsageFault } from "./endings.ts";
import type { Words } from "./words.ts";

/** What cards are picked by, for a list as for an export. */
export const CARD_FILTERS = {
  status: { type: "string" },
  prefix: { type: "string" },
  batch: { type: "string" },
  product: { type: "string" },
  text: { type: "string" },
  from: { type: "string" },
  to: { type: "string" },
} as const;

/** One command: what it takes, how many words stand after it, and what it does. */
export const COMMANDS = {
  "packages push": {
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
  "packages list": { options: { limit: { type: "string" } }, operands: [0, 0] },
  "packages log": { options: { follow: { type: "boolean" } }, operands: [1, 2] },
  "packages rollback": {
    options: { "dry-run": { type: "boolean" }, "no-follow": { type: "boolean" } },
    operands: [2, 2],
  },
  "packages query": { options: {}, operands: [1, 1] },
  "cards generate": {
    options: {
      prefix: { type: "string" },
      count: { type: "string" },
      length: { type: "string" },
      alphabet: { type: "string" },
      policy: { type: "string" },
      product: { type: "string" },
      note: { type: "string" },
      key: { type: "string" },
      yes: { type: "boolean" },
      "no-follow": { type: "boolean" },
    },
    operands: [0, 0],
  },
  "cards list": { options: { ...CARD_FILTERS, limit: { type: "string" } }, operands: [0, 0] },
  "cards export": {
    options: { ...CARD_FILTERS, format: { type: "string" }, out: { type: "string" } },
    operands: [0, 0],
  },
  "cards import": {
    options: {
      prefix: { type: "string" },
      policy: { type: "string" },
      product: { type: "string" },
      note: { type: "string" },
      key: { type: "string" },
      report: { type: "string" },
      "dry-run": { type: "boolean" },
      "no-follow": { type: "boolean" },
    },
    operands: [1, 1],
  },
  "cards bulk": {
    options: {
      ...CARD_FILTERS,
      seconds: { type: "string" },
      note: { type: "string" },
      reason: { type: "string" },
      key: { type: "string" },
      yes: { type: "boolean" },
      "dry-run": { type: "boolean" },
      "no-follow": { type: "boolean" },
    },
    operands: [1, 1],
  },
  "cards undo": { options: { "no-follow": { type: "boolean" } }, operands: [1, 1] },
  "cards validate": {
    options: { machine: { type: "string" }, product: { type: "string" } },
    operands: [1, 1],
  },
  "downloads get": {
    options: {
      archive: { type: "boolean" },
      quality: { type: "string" },
      format: { type: "string" },
      key: { type: "string" },
      out: { type: "string" },
      "no-follow": { type: "boolean" },
    },
    operands: [1, 1],
  },
  "downloads list": { options: { limit: { type: "string" } }, operands: [0, 0] },
  "downloads save": { options: {}, operands: [2, 2] },
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
  const typed = [group, name].filter(Boolean).join(" ");
  if (!Object.hasOwn(COMMANDS, typed)) throw new UsageFault(words.unknownCommand(typed));
  const command = typed as Command;
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
