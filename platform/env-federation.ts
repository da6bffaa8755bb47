import { z } from "zod";
import { onOff, url } from "./env-rules.ts";

/** The variables of what stands beside a password at sign-in. */
export const FEDERATION_VARIABLES = {
  ADMIN_TOTP_REQUIRED: {
    rule: onOff.default(false),
    doc: "on: administrators may do nothing of their role before their second proof (TOTP) is on",
  },
  OIDC_ISSUER: {
    rule: url.optional(),
    doc: "Issuer of an OpenID provider, whose /.well-known/openid-configuration is asked; nobody signs in by OpenID when not given",
  },
  OIDC_CLIENT_ID: {
    rule: z.string().min(1).optional(),
    doc: "Client id at the provider",
  },
  OIDC_CLIENT_SECRET: {
    rule: z.string().min(1).optional(),
    secret: true,
    doc: "Client secret at the provider; a public client has none",
  },
  OIDC_REDIRECT_URL: {
    rule: url.optional(),
    doc: "Page of yours that the provider leads back to; it hands what it got to POST /api/v1/auth/oidc/callback",
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
} & { NODE_ENV: "development" | "test" | "production" };

/** A client at an OpenID provider. */
export interface OidcSettings {
  issuer: string;
  clientId: string;
  clientSecret: string | undefined;
  redirectUrl: string;
}

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
  oidc: OidcSettings | undefined;
  wechat: WechatSettings | undefined;
}

/** What is missing of these variables, or wrong. */
export function federationFaults(values: Values): string[] {
  const isPlain = values.NODE_ENV === "production" && values.OIDC_ISSUER?.startsWith("http:");
  return [
    ...missing(values, "OIDC_ISSUER", ["OIDC_CLIENT_ID", "OIDC_REDIRECT_URL"]),
    ...missing(values, "WECHAT_APP_ID", ["WECHAT_APP_SECRET", "WECHAT_REDIRECT_URL"]),
    ...(isPlain ? ["OIDC_ISSUER: must begin with https:// in production"] : []),
  ];
}

function missing(values: Values, first: keyof Values, others: (keyof Values)[]): string[] {
  return values[first]
    ? others.filter((name) => !values[name]).map((name) => `${name}: is needed with ${first}`)
    : others.filter((name) => values[name]).map((name) => `${first}: is needed with ${name}`);
}

/** What follows from these variables once they have no faults. */
export function federationSettings(values: Values): FederationSettings {
  return {
    oidc: values.OIDC_ISSUER
      ? {
          issuer: values.OIDC_ISSUER,
          clientId: values.OIDC_CLIENT_ID!,
          clientSecret: values.OIDC_CLIENT_SECRET,
          redirectUrl: values.OIDC_REDIRECT_URL!,
        }
      : undefined,
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
