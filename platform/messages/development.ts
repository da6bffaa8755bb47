import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import type { Send } from "./message.ts";

/** Appends what would be sent to a file, one JSON object a line, for people who develop. */
export function openDevelopmentMessages(dataFolder: string): Send {
  const file = join(dataFolder, "dev-messages.jsonl");
  return async (message) => {
    const { channel, address: to } = message;
    const what =
      "digits" in message
        ? { code: message.digits }
        : { team: message.team, invited_by: message.from };
    const line = JSON.stringify({ at: new Date().toISOString(), channel, to, ...what });
    await appendFile(file, `${line}\n`, { mode: 0o600 });
  };
}
