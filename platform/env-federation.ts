import { z } from "zod";
import { url } from "./env-rules.ts";

/** The variables of what stands beside a password at sign-in. */
export const FEDERATION_VARIABLES = {
  ADMIN_TOTP_REQUIRED: {
    rule: z.enum(["on", "off"]).default("off"),
    doc: "on: administrators may do nothing of their role before their second proof (TOTP) is on",
  },
  WECHAT_APP_ID: {
    rule: z.string().min(1).optional(),
    doc: "AppID of a website app of WeChat's open platform; nobody signs in by WeChat when not given",
  },
  WECHAT_APP_SECRET: {
    rule: z.string().min(1).optional(),
    secret: true,
    doc: "AppSecret of the website app",
  },
  WECHAT_REDIRECT_URL: {
    rule: url.optional(),
    doc: "Page of yours, in the app's domain, that WeChat leads to with code and state; it hands them to POST /api/v1/wechat/callback",
  },
  WECHAT_API_URL: {
    rule: url.default("https://api.weixin.qq.com"),
    doc: "Address of WeChat's API",
  },
  WECHAT_QR_URL: {
    rule: url.default("https://open.weixin.qq.com/connect/qrconnect"),
    doc: "Address of WeChat's page that shows the picture to scan",
  },
} as const satisfies Record<string, { rule: z.ZodType; doc: string; secret?: boolean }>;

type Values = {
  [N in keyof typeof FEDERATION_VARIABLES]: z.output<(typeof FEDERATION_VARIABLES)[N]["rule"]>;
};

/** A website app of WeChat's open platform. */
export interface WechatSettings {
  appId: string;
  appSecret: string;
  redirectUrl: string;
  apiUrl: string;
  qrUrl: string;
}

/** Who vouches for people at sign-in; what is not configured is undefined. */
export interface FederationSettings {
  wechat: WechatSettings | undefined;
}

/** What is missing of these variables. */
export function federationFaults(values: Values): string[] {
  const names = ["WECHAT_APP_SECRET", "WECHAT_REDIRECT_URL"] as const;
  if (!values.WECHAT_APP_ID) {
    return names
      .filter((name) => values[name])
      .map((name) => `WECHAT_APP_ID: is needed with ${name}`);
  }
  return names
    .filter((name) => !values[name])
    .map((name) => `${name}: is needed with WECHAT_APP_ID`);
}

/** What follows from these variables once they have no faults. */
export function federationSettings(values: Values): FederationSettings {
  return {
    wechat: values.WECHAT_APP_ID
      ? {
          appId: values.WECHAT_APP_ID,
          appSecret: values.WECHAT_APP_SECRET!,
          redirectUrl: values.WECHAT_REDIRECT_URL!,
          apiUrl: values.WECHAT_API_URL,
          qrUrl: values.WECHAT_QR_URL,
        }
      : undefined,
  };
}
