import { z } from "zod";
import { onOff, url } from "./env-rules.ts";

/** The variables by which messages go to people. */
export const MESSAGE_VARIABLES = {
  SMTP_URL: {
    rule: z
      .string()
      .regex(/^smtps?:\/\//, "must begin with smtp:// or smtps://")
      .refine(
        (text) => URL.canParse(text) && new URL(text).hostname !== "",
        "must be smtps://user:password@host:port, special characters as %XX",
      )
      .optional(),
    secret: true,
    doc: "smtps://user:password@host:port of a mail server; smtp:// with a password insists on STARTTLS. Nothing is mailed when not given",
  },
  MAIL_FROM: {
    rule: z
      .string()
      .regex(/^[^\r\n]*@[^\r\n]+$/, "must be an address, or Name <address>")
      .optional(),
    doc: "Sender of mails, as name@example.com or Name <name@example.com>",
  },
  ALIYUN_SMS_ACCESS_KEY_ID: {
    rule: z.string().optional(),
    doc: "Access key of an Aliyun account with the right dysms:SendSms; no SMS is sent when not given",
  },
  ALIYUN_SMS_ACCESS_KEY_SECRET: {
    rule: z.string().optional(),
    secret: true,
    doc: "Secret of the access key",
  },
  ALIYUN_SMS_SIGN_NAME: {
    rule: z.string().optional(),
    doc: "Approved signature of the SMS",
  },
  ALIYUN_SMS_TEMPLATE: {
    rule: z.string().optional(),
    doc: "Approved template of the SMS, as SMS_123456789, whose one variable is ${code}",
  },
  ALIYUN_SMS_URL: {
    rule: url.default("https://dysmsapi.aliyuncs.com"),
    doc: "Address of Aliyun's SMS API",
  },
  DEV_MESSAGES: {
    rule: onOff.optional(),
    doc: "on writes what has no provider to dev-messages.jsonl in the data folder (default on with NODE_ENV=development, else off). Refused in production",
  },
} as const satisfies Record<string, { rule: z.ZodType; doc: string; secret?: boolean }>;

type Values = {
  [N in keyof typeof MESSAGE_VARIABLES]: z.output<(typeof MESSAGE_VARIABLES)[N]["rule"]>;
} & { NODE_ENV: "development" | "test" | "production" };

/** An Aliyun account that sends SMS. */
export interface AliyunSettings {
  url: string;
  accessKeyId: string;
  accessKeySecret: string;
  signName: string;
  template: string;
}

/** A mail server, and whom mails are from. */
export interface SmtpSettings {
  url: string;
  from: string;
}

/** How messages reach people: a way that is undefined is not configured. */
export interface MessageSettings {
  sms: AliyunSettings | undefined;
  mail: SmtpSettings | undefined;
  /** Whether what has no provider goes to a file for developers. */
  development: boolean;
}

const ALIYUN = [
  "ALIYUN_SMS_ACCESS_KEY_ID",
  "ALIYUN_SMS_ACCESS_KEY_SECRET",
  "ALIYUN_SMS_SIGN_NAME",
  "ALIYUN_SMS_TEMPLATE",
] as const;

/** What is wrong with these variables together. */
export function messageFaults(values: Values): string[] {
  const given = ALIYUN.filter((name) => values[name]);
  const missing = given.length > 0 ? ALIYUN.filter((name) => !values[name]) : [];
  const faults = missing.map((name) => `${name}: is needed with ${given[0]}`);
  if (values.SMTP_URL && !values.MAIL_FROM) faults.push("MAIL_FROM: is needed with SMTP_URL");
  if (values.NODE_ENV === "production" && values.DEV_MESSAGES) {
    faults.push("DEV_MESSAGES: is for developers, never for production");
  }
  return faults;
}

/** What follows from these variables when nothing is wrong with them. */
export function messageSettings(values: Values): MessageSettings {
  const { SMTP_URL, MAIL_FROM, NODE_ENV, DEV_MESSAGES } = values;
  return {
    sms: values.ALIYUN_SMS_ACCESS_KEY_ID
      ? {
          url: values.ALIYUN_SMS_URL,
          accessKeyId: values.ALIYUN_SMS_ACCESS_KEY_ID,
          accessKeySecret: values.ALIYUN_SMS_ACCESS_KEY_SECRET!,
          signName: values.ALIYUN_SMS_SIGN_NAME!,
          template: values.ALIYUN_SMS_TEMPLATE!,
        }
      : undefined,
    mail: SMTP_URL ? { url: SMTP_URL, from: MAIL_FROM! } : undefined,
    development: DEV_MESSAGES ?? NODE_ENV === "development",
  };
}
