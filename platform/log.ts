import { pino, type Logger } from "pino";

/** Paths whose values never reach a log line, wherever they come from. */
const SECRET_PATHS = [
  "password",
  "*.password",
  "apiKey",
  "*.apiKey",
  "secret",
  "*.secret",
  "secretKey",
  "*.secretKey",
  "token",
  "*.token",
  "access_token",
  "*.access_token",
  "refresh_token",
  "*.refresh_token",
  "authorization",
  "*.authorization",
  '*["x-api-key"]',
  '["x-api-key"]',
];

/** What an error of a database has of the statement: that holds what rows hold, hashes and addresses of people too. */
const OF_STATEMENTS = new Set(["sql", "parameters", "parent", "original", "errors", "fields"]);

const FLUSH_MS = 100;
/** In characters. */
const TOGETHER = 32_768;

/**
 * The process's logger: JSON lines on stdout, secrets blanked out. `part` says which process speaks. Lines go out
 * together, a tenth of a second later and at the end of the process at the latest: one write for each would cost an
 * API more than its answers. When nobody reads them any more they are dropped: no process stays for its log.
 */
export function openLog(part: string, level: string): Logger {
  const { stdout } = process;
  let lines = "";
  const flush = () => {
    if (lines && !stdout.errored) stdout.write(lines);
    lines = "";
  };
  const write = (line: string) => {
    lines += line;
    if (lines.length >= TOGETHER) flush();
  };
  stdout.on("error", () => {});
  setInterval(flush, FLUSH_MS).unref();
  process.once("exit", flush);
  const options = {
    level,
    base: { part },
    timestamp: createClock(),
    redact: { paths: SECRET_PATHS, censor: "(secret)" },
    serializers: { err: tellError },
  };
  return pino(options, { write });
}

/** The time as lines have it: printed once for all that are written within a millisecond. */
function createClock(): () => string {
  let at = 0;
  let printed = "";
  return () => {
    const now = Date.now();
    if (now !== at) printed = `,"time":"${new Date((at = now)).toISOString()}"`;
    return printed;
  };
}

function tellError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const told = Object.entries(pino.stdSerializers.err(error));
  return Object.fromEntries(told.filter(([name]) => !OF_STATEMENTS.has(name)));
}
