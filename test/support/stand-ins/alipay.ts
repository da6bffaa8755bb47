import { generateKeyPairSync, type KeyObject, randomInt, sign, verify } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";

type Status = "WAIT_BUYER_PAY" | "TRADE_SUCCESS" | "TRADE_CLOSED";

/** A trade as the open platform keeps it: it begins when the payer has signed in at the till. */
export interface AlipayTrade {
  out_trade_no: string;
  trade_no: string;
  total_amount: string;
  subject: string;
  notify_url: string;
  time_expire: string;
  trade_status: Status;
}

/** Alipay's open platform on this machine: takes what an app signs, and signs what it says, as its documentation has it. */
export interface Alipay {
  /** What the product is configured with. */
  env: Record<string, string>;
  /** Opens the address as a payer's browser does, and signs in: the trade that waits for them. */
  open(payUrl: string): Promise<AlipayTrade>;
  /** What it posts to the app about a trade: signed with everything that `more` adds or changes. */
  notification(trade: AlipayTrade, more?: Record<string, string>): URLSearchParams;
  /** A query's answer of its own, as it is sent. */
  answer(said: object): string;
  /** The methods that were asked, in their order. */
  asked: string[];
  /** Answers queries so from now on; undefined answers them itself again. */
  instead(body: string | undefined): void;
}

const APP_ID = "2021000123456789";

/** Making two keys of 2048 bits takes its time: once is enough. */
const makeKeys = (() => {
  let made: { app: Keys; alipay: Keys } | undefined;
  const keys = (): Keys => generateKeyPairSync("rsa", { modulusLength: 2048 });
  return () => (made ??= { app: keys(), alipay: keys() });
})();
interface Keys {
  publicKey: KeyObject;
  privateKey: KeyObject;
}

/** Starts it on a free port; it ends with the test. */
export async function startAlipay(): Promise<Alipay> {
  const { app, alipay: own } = makeKeys();
  const trades = new Map<string, AlipayTrade>();
  let planned: string | undefined;
  const server = createServer((req, res) => {
    void receive(req)
      .then(({ status, body }) => res.writeHead(status).end(body))
      .catch(() => res.destroy());
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const gateway = `http://127.0.0.1:${(server.address() as AddressInfo).port}/gateway.do`;

  const signed = (content: string) =>
    sign("RSA-SHA256", Buffer.from(content), own.privateKey).toString("base64");

  const receive = async (req: IncomingMessage): Promise<{ status: number; body: string }> => {
    const { searchParams } = new URL(req.url!, gateway);
    const form = new URLSearchParams(await text(req));
    const fields = Object.fromEntries([...searchParams, ...form]);
    const method = fields["method"] ?? "";
    alipay.asked.push(method);
    const fault = faultOf(fields, app.publicKey);
    if (method === "alipay.trade.page.pay") {
      if (fault || req.method !== "GET") return { status: 400, body: fault ?? "GET" };
      return { status: 200, body: JSON.stringify(begin(fields)) };
    }
    if (planned !== undefined) return { status: 200, body: planned };
    const name = `${method.replaceAll(".", "_")}_response`;
    // What it does not even look into, it does not sign.
    if (fault) return { status: 200, body: JSON.stringify({ [name]: no("40002", fault) }) };
    return { status: 200, body: signedAnswer(name, answer(method, fields)) };
  };

  const signedAnswer = (name: string, said: object): string => {
    const shown = JSON.stringify(said);
    return `{"${name}":${shown},"sign":"${signed(shown)}"}`;
  };

  const begin = (fields: Record<string, string>): AlipayTrade => {
    const content = JSON.parse(fields["biz_content"]!) as AlipayTrade;
    const trade = trades.get(content.out_trade_no) ?? {
      ...content,
      trade_no: `2026112122001${randomInt(10 ** 12)}`,
      notify_url: fields["notify_url"]!,
      trade_status: "WAIT_BUYER_PAY" as const,
    };
    trades.set(trade.out_trade_no, trade);
    return trade;
  };

  const answer = (method: string, fields: Record<string, string>): object => {
    if (method !== "alipay.trade.query") return no("40002", "isv.invalid-method");
    const { out_trade_no } = JSON.parse(fields["biz_content"]!) as AlipayTrade;
    const trade = trades.get(out_trade_no);
    if (!trade) return no("40004", "ACQ.TRADE_NOT_EXIST");
    const { trade_no, total_amount, trade_status, subject } = trade;
    const told = { trade_no, out_trade_no, total_amount, trade_status, subject };
    // Braces and quotes in strings are no part of the answer's own.
    return { code: "10000", msg: "Success", ...told, buyer_logon_id: '15{"*}"****' };
  };

  const alipay: Alipay = {
    env: {
      ALIPAY_APP_ID: APP_ID,
      ALIPAY_PRIVATE_KEY: base64(app.privateKey, "pkcs8"),
      ALIPAY_PUBLIC_KEY: base64(own.publicKey, "spki"),
      ALIPAY_GATEWAY_URL: gateway,
    },
    async open(payUrl) {
      const response = await fetch(payUrl);
      const body = await response.text();
      if (!response.ok) throw new Error(`the till says ${body}`);
      const { out_trade_no } = JSON.parse(body) as AlipayTrade;
      return trades.get(out_trade_no)!;
    },
    notification(trade, more = {}) {
      const fields: Record<string, string> = {
        notify_time: "2026-11-21 18:00:00",
        notify_type: "trade_status_sync",
        notify_id: `${randomInt(10 ** 12)}`,
        app_id: APP_ID,
        charset: "utf-8",
        version: "1.0",
        auth_app_id: APP_ID,
        trade_no: trade.trade_no,
        out_trade_no: trade.out_trade_no,
        trade_status: trade.trade_status,
        total_amount: trade.total_amount,
        subject: trade.subject,
        body: "",
        ...more,
      };
      const sign = signed(contentOf(fields));
      return new URLSearchParams({ ...fields, sign_type: "RSA2", sign });
    },
    answer: (said) => signedAnswer("alipay_trade_query_response", said),
    asked: [],
    instead: (body) => void (planned = body),
  };
  return alipay;
}

/** Why a request is not taken, if it is not. */
function faultOf({ sign = "", ...fields }: Record<string, string>, key: KeyObject) {
  if (fields["app_id"] !== APP_ID) return "isv.invalid-app-id";
  if (fields["sign_type"] !== "RSA2") return "isv.invalid-signature-type";
  const content = Buffer.from(contentOf(fields));
  if (!verify("RSA-SHA256", content, key, Buffer.from(sign, "base64")))
    return "isv.invalid-signature";
  if (!/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(fields["timestamp"] ?? ""))
    return "isv.invalid-timestamp";
  const trade = JSON.parse(fields["biz_content"]!) as AlipayTrade;
  if (!/^\w{1,64}$/.test(trade.out_trade_no)) return "ACQ.INVALID_PARAMETER";
  if (fields["method"] !== "alipay.trade.page.pay") return undefined;
  if (!/^\d+\.\d\d$/.test(trade.total_amount)) return "ACQ.INVALID_PARAMETER";
  if (!fields["notify_url"] || !trade.subject) return "isv.missing-parameter";
  // Its clocks stand in China.
  const end = Date.parse(`${trade.time_expire.replace(" ", "T")}+08:00`);
  return end > Date.now() ? undefined : "ACQ.TRADE_EXPIRED";
}

function no(code: string, sub_code: string): object {
  return { code, msg: code === "40004" ? "Business Failed" : "Invalid Arguments", sub_code };
}

function contentOf(fields: Record<string, string>): string {
  const names = Object.keys(fields).filter((name) => fields[name] !== "");
  return names
    .toSorted()
    .map((name) => `${name}=${fields[name]}`)
    .join("&");
}

function base64(key: KeyObject, type: "pkcs8" | "spki"): string {
  const options = { format: "der", type } as const;
  return (key.export(options as never) as unknown as Buffer).toString("base64");
}
