import type { MessageSettings } from "../env-messages.ts";
import { openOutbound } from "../outbound.ts";
import { sendByAliyun } from "./aliyun.ts";
import { openDevelopmentMessages } from "./development.ts";
import type { CodeMessage, Send } from "./message.ts";
import { openSmtp } from "./smtp.ts";

export { type CodeMessage, type Message, MessageRefused, type Send } from "./message.ts";

/** What carries messages of a channel: a real provider, the developers' file, or nothing. */
export function carrierOf(
  { sms, mail, development }: MessageSettings,
  channel: CodeMessage["channel"],
): "provider" | "development" | undefined {
  if (channel === "phone" ? sms : mail) return "provider";
  return development ? "development" : undefined;
}

/** The ways to people that the configuration names. What no way leads to throws: it should not have been promised. */
export async function openMessages(
  settings: MessageSettings,
  dataFolder: string,
  publicUrl: string,
): Promise<{ send: Send; close: () => Promise<void> }> {
  const { sms, mail } = settings;
  // The operator's own choice of an address, which may be private.
  const outbound = openOutbound(sms ? [{ host: new URL(sms.url).hostname }] : []);
  const byMail = mail && (await openSmtp(mail, publicUrl));
  const toFile = openDevelopmentMessages(dataFolder);
  const send: Send = async (message, signal) => {
    if (carrierOf(settings, message.channel) === undefined) {
      throw new Error(`no provider is configured for ${message.channel} messages`);
    }
    if (sms && "digits" in message && message.channel === "phone") {
      return sendByAliyun(sms, outbound, message, signal);
    }
    if (message.channel === "email" && byMail) return byMail(message, signal);
    return toFile(message, signal);
  };
  return { send, close: () => outbound.close() };
}
