import type { SmtpSettings } from "../env-messages.ts";
import { type InvitationMessage, type Message, MessageRefused, type Send } from "./message.ts";

const TIMEOUT_MS = 10_000;
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Mails messages; `publicUrl` is where people find the platform. A password never travels in clear, but to this machine itself. */
export async function openSmtp({ url, from }: SmtpSettings, publicUrl: string): Promise<Send> {
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
        ...textOf(message, publicUrl),
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

function textOf(message: Message, publicUrl: string): { subject: string; text: string } {
  if ("team" in message) return invitationText(message, publicUrl);
  const { digits, minutes } = message;
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

/** What people called themselves and their team stands in one line, and never in the subject. */
function invitationText({ team, from, days }: InvitationMessage, publicUrl: string) {
  const [name, inviter] = [team, from].map((text) => text.replaceAll(/\s+/g, " ")) as [
    string,
    string,
  ];
  return {
    subject: "团队邀请 / Invitation to a team",
    text: [
      `${inviter} 邀请您加入团队“${name}”。`,
      `请用此邮箱已验证的账号登录 ${publicUrl} 并接受邀请，${days} 天内有效。如果您不认识对方，请忽略此邮件。`,
      "",
      `${inviter} invites you to the team "${name}".`,
      `Sign in at ${publicUrl} with an account that has verified this address, and accept it within ${days} days.`,
      "If you do not know them, ignore this mail.",
      "",
    ].join("\n"),
  };
}
