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

const FLUSH_MS = 100;
const TOGETHER_BYTES = 8192;

/**
 * The process's logger: JSON lines on stdout, secrets blanked out. `part` says which process speaks. Lines go out
 * together, a tenth of a second later and at the end of the process at the latest: one write for each would cost an
 * API more than its answers.
 */
export function openLog(part: string, level: string): Logger {
  const lines = pino.destination({ minLength: TOGETHER_BYTES, sync: true });
  setInterval(() => lines.flushSync(), FLUSH_MS).unref();
  process.once("exit", () => lines.flushSync());
  const options = {
    level,
    base: { part },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: SECRET_PATHS, censor: "(secret)" },
  };
  return pino(options, lines);
}
