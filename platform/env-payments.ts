import { z } from "zod";
import { LIMITS } from "../domain/limits.ts";
import { onOff, url } from "./env-rules.ts";
import { readPrivateKey, readPublicKey } from "./payments/keys.ts";

/** The variables by which money comes to balances. */
export const PAYMENT_VARIABLES = {
  ALIPAY_APP_ID: {
    rule: z.string().regex(/^\d+$/, "must be the digits of the app's id").optional(),
    doc: "Id of an app of Alipay's open platform with page pay; people pay in by Alipay when given",
  },
  ALIPAY_PRIVATE_KEY: {
    rule: z.string().optional(),
    secret: true,
    doc: "The app's own RSA key, as PEM or its base64 alone, whose public half the open platform has",
  },
  ALIPAY_PUBLIC_KEY: {
    rule: z.string().optional(),
    doc: "Alipay's public key for the app (not the app's own), as PEM or its base64 alone",
  },
  ALIPAY_GATEWAY_URL: {
    rule: url.default("https://openapi.alipay.com/gateway.do"),
    doc: "Address of Alipay's gateway",
  },
  ALIPAY_RETURN_URL: {
    rule: url.optional(),
    doc: "Page of yours that Alipay leads people back to when they have paid",
  },
  RECHARGE_DIRECT: {
    rule: onOff.default(false),
    doc: "on: whoever asks for a recharge has it at once, and nobody is paid",
  },
  WELCOME_CREDIT_FEN: {
    rule: z.coerce.number().int().min(0).max(LIMITS.amountFen).default(0),
    doc: "What a new account is given, in fen",
  },
} as const satisfies Record<string, { rule: z.ZodType; doc: string; secret?: boolean }>;

type Values = {
  [N in keyof typeof PAYMENT_VARIABLES]: z.output<(typeof PAYMENT_VARIABLES)[N]["rule"]>;
};

/** An app of Alipay's open platform. */
export interface AlipaySettings {
  appId: string;
  privateKey: string;
  publicKey: string;
  gatewayUrl: string;
  returnUrl: string | undefined;
}

/** Who takes money for the platform; what is not configured is undefined. */
export interface PaymentSettings {
  alipay: AlipaySettings | undefined;
}

/** What is missing of these variables, or wrong. */
export function paymentFaults(values: Values): string[] {
  const { ALIPAY_APP_ID, ALIPAY_PRIVATE_KEY, ALIPAY_PUBLIC_KEY } = values;
  const all = { ALIPAY_APP_ID, ALIPAY_PRIVATE_KEY, ALIPAY_PUBLIC_KEY };
  const given = Object.entries(all).filter(([, value]) => value);
  const missing = Object.entries(all).filter(([, value]) => !value && given.length > 0);
  const faults = missing.map(([name]) => `${name}: is needed with ${given[0]![0]}`);
  if (ALIPAY_PRIVATE_KEY && !readPrivateKey(ALIPAY_PRIVATE_KEY)) {
    faults.push("ALIPAY_PRIVATE_KEY: must be an RSA private key, as PEM or base64");
  }
  if (ALIPAY_PUBLIC_KEY && !readPublicKey(ALIPAY_PUBLIC_KEY)) {
    faults.push("ALIPAY_PUBLIC_KEY: must be an RSA public key, as PEM or base64");
  }
  return faults;
}

/** What follows from these variables when nothing is wrong with them. */
export function paymentSettings(values: Values): PaymentSettings {
  if (!values.ALIPAY_APP_ID) return { alipay: undefined };
  return {
    alipay: {
      appId: values.ALIPAY_APP_ID,
      privateKey: values.ALIPAY_PRIVATE_KEY!,
      publicKey: values.ALIPAY_PUBLIC_KEY!,
      gatewayUrl: values.ALIPAY_GATEWAY_URL,
      returnUrl: values.ALIPAY_RETURN_URL,
    },
  };
}
