import { readFile } from "node:fs/promises";
import { type Command, type Order, readArguments } from "./arguments.ts";
import { bulk, undo } from "./cards/bulk.ts";
import { generate } from "./cards/generate.ts";
import { importCards } from "./cards/import.ts";
import { exportCards, listCards } from "./cards/reading.ts";
import { validate } from "./cards/validate.ts";
import { openConnection } from "./connection.ts";
import type { Desk } from "./desk.ts";
import { get, save } from "./downloads/get.ts";
import { listDownloads } from "./downloads/reading.ts";
import { EXIT, Refused, Unreachable, UsageFault } from "./endings.ts";
import { push } from "./packages/push.ts";
import { list, log, query } from "./packages/reading.ts";
import { rollback } from "./packages/rollback.ts";
import { openScreen, type Output, type Screen } from "./screen.ts";
import { wordsFor } from "./words.ts";

/** Where the command runs. */
export interface Surroundings {
  env: Readonly<Record<string, string | undefined>>;
  stdout: Output;
  stderr: Output;
  /** Aborted when the person gives up. */
  signal: AbortSignal;
  version: string;
}

const ACTIONS: Record<Command, (desk: Desk, order: Order) => Promise<number>> = {
  "packages push": push,
  "packages list": list,
  "packages log": log,
  "packages rollback": rollback,
  "packages query": query,
  "cards generate": generate,
  "cards list": listCards,
  "cards export": exportCards,
  "cards validate": validate,
  "cards import": importCards,
  "cards bulk": bulk,
  "cards undo": undo,
  "downloads get": get,
  "downloads list": listDownloads,
  "downloads save": save,
};

const DEFAULT_ADDRESS = "http://127.0.0.1:3000";

/** Carries out one command line and answers the exit code; nothing but a bug throws. */
export async function runCommand(
  argv: readonly string[],
  surroundings: Surroundings,
): Promise<number> {
  const { env, stdout, stderr, signal, version } = surroundings;
  const words = wordsFor(env);
  const isJson = argv.includes("--json");
  const screen = openScreen({ results: stdout, remarks: stderr }, words, isJson);
  const address = (env["LONGHAUL_URL"] || DEFAULT_ADDRESS).replace(/\/+$/, "");
  try {
    const order = readArguments(argv, words);
    if (order === "help" || order === "version") {
      screen.print(order === "help" ? words.help : version);
      return EXIT.done;
    }
    if (!/^https?:$/.test(protocolOf(address))) throw new UsageFault(words.badUrl(address));
    const connection = openConnection(address, await readKey(env, screen), signal);
    return await ACTIONS[order.command]({ connection, screen, signal }, order);
  } catch (error) {
    return tell(error, screen, address, isJson);
  }
}

/** Says what went wrong, in words or as JSON, and answers the exit code for it. */
function tell(error: unknown, screen: Screen, address: string, isJson: boolean): number {
  const { words } = screen;
  const say = (text: string, code: string, problem: object = {}) => {
    if (isJson)
      screen.print(JSON.stringify({ error: { code, message: text, ...problem } }, null, 2));
    else screen.remark(text);
  };
  if (error instanceof UsageFault) {
    say(`${error.message}\n${words.helpHint}`, "usage");
    return EXIT.usage;
  }
  if (error instanceof Refused) {
    const { message, code, requestId, status } = error;
    const text = isJson ? message : words.refused(message, code, requestId);
    say(text, code, { status, ...(requestId && { request_id: requestId }) });
    return EXIT.refused;
  }
  if (error instanceof Unreachable) {
    say(words.unreachable(address, error.message), "unreachable");
    return EXIT.unreachable;
  }
  throw error;
}

async function readKey(env: Surroundings["env"], { words }: Screen): Promise<string> {
  const file = env["LONGHAUL_API_KEY_FILE"];
  const key =
    env["LONGHAUL_API_KEY"] ||
    (file &&
      (await readFile(file, "utf8").catch(() => {
        throw new UsageFault(words.badKeyFile(file));
      })));
  const trimmed = key?.trim() ?? "";
  // What cannot stand in a header is no key, and an error about it would show it.
  if (!/^[\x21-\x7e]+$/.test(trimmed)) throw new UsageFault(words.noKey);
  return trimmed;
}

function protocolOf(address: string): string {
  try {
    return new URL(address).protocol;
  } catch {
    return "";
  }
}
