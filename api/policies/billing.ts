import { refusal } from "../../domain/errors.ts";
import { paymentEnd, type Recharge } from "../../models/billing/index.ts";
import type { Row } from "../../models/statements.ts";
import type { PaymentProvider } from "../../platform/payments/index.ts";
import { namedId, newId } from "../../platform/crypto.ts";
import type { Services } from "../services.ts";

/** Who calls, and by which key the same call is known when it comes again. */
interface Caller {
  actor: { accountId: string };
  requestHeader: (name: string) => string | undefined;
}

/**
 * The id of what a call moves money for: the same for the same Idempotency-Key, so that a repeat moves nothing even
 * when the first was killed after its commit, before its answer was kept.
 */
export function moneyId({ actor, requestHeader }: Caller, kind: string): string {
  const key = requestHeader("Idempotency-Key");
  return key ? namedId(kind, actor.accountId, key) : newId();
}

/** The provider that people pay by; refuses when there is none, so that nothing is promised. */
export function assertAlipay({ payments }: Pick<Services, "payments">): PaymentProvider {
  if (payments.alipay) return payments.alipay;
  throw refusal("billing/alipay-not-configured", "Nobody pays by Alipay here: see ALIPAY_APP_ID.");
}

/** Where a recharge is paid, and until when; undefined when it cannot be, or not at a provider. */
export function payAddress(
  { payments }: Pick<Services, "payments">,
  recharge: Row<Recharge>,
): { pay_url: string; expires_at: string } | undefined {
  const expiresAt = paymentEnd(recharge);
  const { id, amountFen, description: subject, state, method } = recharge;
  const isOpen = method === "alipay" && state === "pending" && expiresAt > new Date();
  if (!isOpen || !payments.alipay) return undefined;
  const pay_url = payments.alipay.addressOf({ id, amountFen, subject, expiresAt });
  return { pay_url, expires_at: expiresAt.toISOString() };
}
