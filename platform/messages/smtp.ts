import type { SmtpSettings } from "../env-messages.ts";
import { type CodeMessage, MessageRefused, type Send } from "./message.ts";

const TIMEOUT_MS = 10_000;
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Mails codes. A password never travels in clear, but to this machine itself. */
export async function openSmtp({ url, from }: SmtpSettings): Promise<Send> {
  // Loaded only where mails are sent.
  const { createTransport } = await import("nodemailer");
  const { username, hostname, protocol } = new URL(url);
  const server = createTransport({
    url,
    requireTLS: protocol === "smtp:" && username !== "" && !LOOPBACK.test(hostname),
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return async (message, signal) => {
    signal.throwIfAborted();
    try {
      await server.sendMail({
        from,
        to: { name: "", address: message.address },
        textEncoding: "base64",
        ...textOf(message),
      });
    } catch (error) {
      const { responseCode = 0, response = "" } = error as Partial<SmtpAnswer>;
      // 5yz is a permanent no (RFC 5321 §4.2.1); 530 and 535 say that the password is wrong, which can be put right.
      if (responseCode < 500 || responseCode === 530 || responseCode === 535) throw error;
      throw new MessageRefused(`The mail server refuses: ${response}`);
    }
  };
}

interface SmtpAnswer {
  responseCode: number;
  response: string;
}

function textOf({ digits, minutes }: CodeMessage): { subject: string; text: string } {
  return {
    subject: "验证码 / Your verification code",
    text: [
      `您的验证码是 ${digits}，${minutes} 分钟内有效。如非本人操作，请忽略此邮件。`,
      "",
      `Your verification code is ${digits}. It is good for ${minutes} minutes.`,
      "If you did not ask for it, ignore this mail.",
      "",
    ].join("\n"),
  };
}
