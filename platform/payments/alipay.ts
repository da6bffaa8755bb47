import { type KeyObject, sign, verify } from "node:crypto";
import { z } from "zod";
import { parseYuan, printYuan } from "../../domain/money.ts";
import { shanghaiClock } from "../../domain/shanghai.ts";
import type { AlipaySettings } from "../env-payments.ts";
import { openOutbound, type Outbound } from "../outbound.ts";
import { readPrivateKey, readPublicKey } from "./keys.ts";
import {
  PaymentFailure,
  type PaymentOrder,
  type PaymentProvider,
  type PaymentReport,
  type PaymentState,
} from "./payment.ts";

const TIMEOUT_MS = 10_000;
const LIMIT_BYTES = 64 * 1024;
const SUBJECT_CHARACTERS = 100;

const STATES: Readonly<Record<string, PaymentState>> = {
  WAIT_BUYER_PAY: "waiting",
  TRADE_SUCCESS: "paid",
  TRADE_FINISHED: "paid",
  TRADE_CLOSED: "closed",
};

/** What notifications and answers say of a trade in the same words. */
const Trade = z.object({
  out_trade_no: z.string().regex(/^[0-9a-f]{32}$/),
  trade_no: z.string().min(1).max(64),
  trade_status: z.string(),
  total_amount: z.string(),
});
const Answer = z.looseObject({
  code: z.string(),
  msg: z.string(),
  sub_code: z.string().optional(),
});
const Signature = z.object({ sign: z.string() });

/** Fields of a request, a notification or an answer. */
type Fields = Readonly<Record<string, string>>;

/** Page pay by Alipay (alipay.trade.page.pay and alipay.trade.query), with keys and RSA2. */
export function openAlipay(settings: AlipaySettings, notifyUrl: string): PaymentProvider {
  const { appId, gatewayUrl, returnUrl } = settings;
  const privateKey = readPrivateKey(settings.privateKey)!;
  const publicKey = readPublicKey(settings.publicKey)!;
  // The operator's own choice of an address, which may be private.
  const outbound = openOutbound([{ host: new URL(gatewayUrl).hostname }]);

  const requestOf = (method: string, content: object, more: Fields = {}): Fields => {
    const fields = {
      app_id: appId,
      method,
      format: "JSON",
      charset: "utf-8",
      sign_type: "RSA2",
      timestamp: shanghaiClock(new Date()),
      version: "1.0",
      biz_content: JSON.stringify(content),
      ...more,
    };
    return { ...fields, sign: signatureOf(fields, privateKey) };
  };

  return {
    addressOf({ id, amountFen, subject, expiresAt }: PaymentOrder) {
      const content = {
        out_trade_no: tradeNumberOf(id),
        product_code: "FAST_INSTANT_TRADE_PAY",
        total_amount: printYuan(amountFen),
        subject: subject.replaceAll(/[/=&]/g, " ").slice(0, SUBJECT_CHARACTERS),
        time_expire: shanghaiClock(expiresAt),
      };
      const more = { notify_url: notifyUrl, ...(returnUrl && { return_url: returnUrl }) };
      const fields = requestOf("alipay.trade.page.pay", content, more);
      return `${gatewayUrl}?${new URLSearchParams(fields).toString()}`;
    },

    readNotification({ sign: signature = "", sign_type, ...fields }) {
      if (sign_type !== "RSA2" || !isSigned(contentOf(fields), signature, publicKey)) {
        throw new PaymentFailure("The notification is not signed by Alipay.");
      }
      if (fields["app_id"] !== appId) {
        throw new PaymentFailure("The notification is for another app.");
      }
      return reportOf(fields);
    },

    async find(orderId, signal) {
      const content = { out_trade_no: tradeNumberOf(orderId) };
      const request = requestOf("alipay.trade.query", content);
      const said = await ask(outbound, gatewayUrl, request, { publicKey, signal });
      if (said.sub_code === "ACQ.TRADE_NOT_EXIST") return undefined;
      if (said.code !== "10000") {
        throw new PaymentFailure(`Alipay says: ${said.sub_code ?? said.code} ${said.msg}`);
      }
      const report = reportOf(said);
      if (report.id === orderId) return report;
      throw new PaymentFailure("Alipay answers for another payment.");
    },

    close: () => outbound.close(),
  };
}

/** Alipay's numbers of orders have letters and digits only. */
function tradeNumberOf(id: string): string {
  return id.replaceAll("-", "");
}

function reportOf(fields: object): PaymentReport {
  const read = Trade.safeParse(fields);
  const amountFen = read.success ? parseYuan(read.data.total_amount) : undefined;
  if (!read.success || amountFen === undefined) {
    throw new PaymentFailure("Alipay tells of a payment that is none of ours.");
  }
  const { out_trade_no, trade_no, trade_status } = read.data;
  const state = STATES[trade_status];
  if (!state) throw new PaymentFailure(`Alipay tells of the unknown state ${trade_status}.`);
  const id = out_trade_no.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  return { id, state, amountFen, reference: trade_no, isRefund: "gmt_refund" in fields };
}

/** `name=value` of all that is not empty, by name: what is signed. */
function contentOf(fields: Fields): string {
  const given = Object.entries(fields).filter(([, value]) => value !== "");
  given.sort(([one], [other]) => (one < other ? -1 : 1));
  return given.map(([name, value]) => `${name}=${value}`).join("&");
}

function signatureOf(fields: Fields, key: KeyObject): string {
  return sign("RSA-SHA256", Buffer.from(contentOf(fields)), key).toString("base64");
}

function isSigned(content: string, signature: string, key: KeyObject): boolean {
  return verify("RSA-SHA256", Buffer.from(content), key, Buffer.from(signature, "base64"));
}

async function ask(
  outbound: Outbound,
  gatewayUrl: string,
  { biz_content = "", ...fields }: Fields,
  { publicKey, signal }: { publicKey: KeyObject; signal: AbortSignal },
): Promise<z.output<typeof Answer>> {
  const { bytes, status } = await outbound
    .request({
      url: `${gatewayUrl}?${new URLSearchParams(fields).toString()}`,
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded;charset=utf-8" },
      body: new URLSearchParams({ biz_content }).toString(),
      timeoutMs: TIMEOUT_MS,
      limitBytes: LIMIT_BYTES,
      signal,
    })
    .catch((cause: unknown) => {
      throw new PaymentFailure("Alipay does not answer.", { cause });
    });
  const text = bytes.toString("utf8");
  const name = `${fields["method"]!.replaceAll(".", "_")}_response`;
  const signed = textOf(text, name) || textOf(text, "error_response");
  // Read out of what is signed, and nowhere else.
  const said = Answer.safeParse(parse(signed)).data;
  if (!said) throw new PaymentFailure(`Alipay answers with HTTP ${status} and no JSON of its own.`);
  const { sign: signature } = Signature.safeParse(parse(text)).data ?? {};
  if (signature && isSigned(signed, signature, publicKey)) return said;
  const { code, sub_code, msg } = said;
  // What is refused before it was looked into is not signed.
  const refused = code === "10000" ? "" : ` It says: ${sub_code ?? code} ${msg}`;
  throw new PaymentFailure(`The answer is not signed by Alipay.${refused}`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The object of this name as it stands in the text, to the byte: that is what an answer's signature is for. */
function textOf(text: string, name: string): string {
  const place = text.indexOf(`"${name}"`);
  if (place === -1) return "";
  const start = text.indexOf("{", place);
  let depth = 0;
  // Strings are passed over as a whole, braces in them and all.
  for (const { 0: part, index } of text.slice(start).matchAll(/"(?:[^"\\]|\\.)*"|[{}]/g)) {
    if (part === "{") depth++;
    if (part === "}" && --depth === 0) return text.slice(start, start + index + 1);
  }
  return "";
}
