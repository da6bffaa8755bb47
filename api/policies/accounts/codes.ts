import type { CodeChannel } from "../../../domain/accounts.ts";
import { refusal } from "../../../domain/errors.ts";
import {
  type CodeProof,
  codePlace,
  type NewCode,
  orderCode,
  proveCode,
} from "../../../models/accounts.ts";
import { deriveKey, digitsHash, makeDigits, newId, seal } from "../../../platform/crypto.ts";
import { carrierOf } from "../../../platform/messages/index.ts";
import type { Services } from "../../services.ts";
import { limitGuesses } from "./limits.ts";

/** Where a code goes to. */
export interface Recipient {
  channel: CodeChannel;
  address: string;
}

/** What carries messages to this channel; refuses when nothing does, so that nothing is promised. */
export function assertCarrier({ env }: Pick<Services, "env">, channel: CodeChannel) {
  const carrier = carrierOf(env.messages, channel);
  if (carrier) return carrier;
  throw channel === "phone"
    ? refusal("accounts/sms-not-configured", "This platform sends no SMS: see ALIYUN_SMS_…")
    : refusal("accounts/mail-not-configured", "This platform sends no mail: see SMTP_URL.");
}

/** A new code for this recipient. Its digits are in it sealed, and nowhere else. */
export function makeCode({ secretKey }: Pick<Services, "secretKey">, to: Recipient): NewCode {
  const id = newId();
  const digits = makeDigits();
  const sealed = seal(deriveKey(secretKey, "columns"), digits, codePlace(id));
  return { id, ...proofOf({ secretKey }, to, digits), sealed };
}

/** What shows that these digits came back from where they were sent. */
function proofOf(
  { secretKey }: Pick<Services, "secretKey">,
  { channel, address }: Recipient,
  digits: string,
): CodeProof {
  const key = deriveKey(secretKey, "codes");
  return { channel, address, hash: digitsHash(key, `${channel}:${address}`, digits) };
}

/** What a call says of itself when a code is asked for or shown. */
interface Asking {
  services: Services;
  /** The caller's network address. */
  address: string;
  requestId: string;
}

/** Has a code sent, once the request is over. False when one was sent within the last minute, which still counts. */
export async function sendCodeTo(
  { services, address, requestId }: Asking,
  to: Recipient,
): Promise<boolean> {
  const code = makeCode(services, to);
  const origin = { actor: null, address, requestId };
  if (!(await orderCode(services.database, code, origin))) return false;
  await services.bus.announce({ type: "outbox.filled", data: {} });
  return true;
}

/**
 * The proof that whoever asks has the code that was sent to `to`; it is used up by what it is handed to. Wrong digits
 * are refused, and count as failures of the address that they come from.
 */
export async function checkCode(
  { services, address }: Pick<Asking, "services" | "address">,
  to: Recipient,
  digits: string,
): Promise<CodeProof> {
  const proof = proofOf(services, to, digits);
  return limitGuesses(services, "sign-in", address).around(async () => {
    if (await proveCode(services.database, proof)) return proof;
    throw codeInvalid();
  });
}

/** The sentence of the client contract. */
export function codeInvalid(): Error {
  return refusal("accounts/code-invalid", "验证码无效或已过期");
}
