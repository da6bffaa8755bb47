import type { PaymentSettings } from "../env-payments.ts";
import { openAlipay } from "./alipay.ts";
import type { PaymentProvider } from "./payment.ts";

export { PaymentFailure, type PaymentProvider } from "./payment.ts";

/** Where Alipay tells of payments. */
export const ALIPAY_NOTIFICATION_PATH = "/api/v1/billing/alipay/notification";

/** Who takes money for the platform: what is not configured is undefined. */
export interface Payments {
  alipay: PaymentProvider | undefined;
  close(): Promise<void>;
}

/** Opens the providers that the configuration names; nobody is asked before somebody pays. */
export function openPayments({ alipay: settings }: PaymentSettings, publicUrl: string): Payments {
  const alipay = settings && openAlipay(settings, publicUrl + ALIPAY_NOTIFICATION_PATH);
  return { alipay, close: async () => alipay?.close() };
}
