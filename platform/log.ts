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

/** The process's logger: JSON lines on stdout, secrets blanked out. `part` says which process speaks. */
export function openLog(part: string, level: string): Logger {
  return pino({
    level,
    base: { part },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: SECRET_PATHS, censor: "(secret)" },
  });
}
