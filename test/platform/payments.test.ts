import { generateKeyPairSync } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";
import { newId } from "../../platform/crypto.ts";
import { readEnv } from "../../platform/env.ts";
import { openPayments, PaymentFailure } from "../../platform/payments/index.ts";
import { startAlipay } from "../support/stand-ins/alipay.ts";

async function start() {
  const alipay = await startAlipay();
  const open = (change: Record<string, string> = {}) => {
    const env = readEnv({ PUBLIC_URL: "https://pay.example", ...alipay.env, ...change });
    const payments = openPayments(env.payments, env.publicUrl);
    onTestFinished(() => payments.close());
    return payments.alipay!;
  };
  const order = {
    id: newId(),
    amountFen: 1250,
    subject: "Recharge a=1 & b/2 充值",
    expiresAt: new Date(Date.now() + 60_000),
  };
  return { alipay, open, order };
}

const signal = new AbortController().signal;

describe("page pay", () => {
  test("leads to a till that takes what the app has signed", async () => {
    const { alipay, open, order } = await start();

    const trade = await alipay.open(open().addressOf(order));

    expect(trade).toMatchObject({
      out_trade_no: order.id.replaceAll("-", ""),
      total_amount: "12.50",
      subject: "Recharge a 1   b 2 充值",
      notify_url: "https://pay.example/api/v1/billing/alipay/notification",
    });
  });

  test("is refused with the key of another app, and once its time is over", async () => {
    const { alipay, open, order } = await start();
    const late = { ...order, expiresAt: new Date(Date.now() - 60_000) };
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const other = privateKey.export({ format: "der", type: "pkcs1" }).toString("base64");

    const stranger = open({ ALIPAY_PRIVATE_KEY: other });
    await expect(alipay.open(stranger.addressOf(order))).rejects.toThrow(/invalid-signature/);
    await expect(alipay.open(open().addressOf(late))).rejects.toThrow(/EXPIRED/);
  });
});

describe("a notification", () => {
  test("is read when Alipay signed it for this app, and nothing of it was changed", async () => {
    const { alipay, open, order } = await start();
    const provider = open();
    const trade = await alipay.open(provider.addressOf(order));
    trade.trade_status = "TRADE_SUCCESS";
    const read = (fields: URLSearchParams) => provider.readNotification(Object.fromEntries(fields));

    expect(read(alipay.notification(trade))).toEqual({
      id: order.id,
      state: "paid",
      amountFen: 1250,
      reference: trade.trade_no,
      isRefund: false,
    });
    const back = { gmt_refund: "2026-11-21 19:00:00", refund_fee: "1.00" };
    expect(read(alipay.notification(trade, back)).isRefund).toBe(true);
    for (const [name, value] of [
      ["total_amount", "99.00"],
      ["sign", "AAAA"],
      ["sign_type", "RSA"],
      ["buyer_id", "added"],
    ] as const) {
      const changed = alipay.notification(trade);
      changed.set(name, value);
      expect(() => read(changed), name).toThrow(/not signed by Alipay/);
    }
    const elsewhere = alipay.notification(trade, { app_id: "2021000000000000" });
    expect(() => read(elsewhere)).toThrow(/another app/);
    const foreign = alipay.notification(trade, { out_trade_no: "SHOP-1" });
    expect(() => read(foreign)).toThrow(/none of ours/);
    const unheard = alipay.notification(trade, { trade_status: "TRADE_LENT" });
    expect(() => read(unheard)).toThrow(/TRADE_LENT/);
  });
});

describe("a query", () => {
  test("finds what somebody began to pay, and nothing before", async () => {
    const { alipay, open, order } = await start();
    const provider = open();
    expect(await provider.find(order.id, signal)).toBeUndefined();

    const trade = await alipay.open(provider.addressOf(order));
    expect(await provider.find(order.id, signal)).toMatchObject({ state: "waiting" });
    trade.trade_status = "TRADE_SUCCESS";

    const found = await provider.find(order.id, signal);
    expect(found).toMatchObject({ id: order.id, state: "paid", reference: trade.trade_no });
  });

  test("believes no answer that Alipay did not sign, or signed for something else", async () => {
    const { alipay, open, order } = await start();
    const provider = open();
    const trade = await alipay.open(provider.addressOf(order));
    const { out_trade_no, trade_no, total_amount } = trade;
    const of = (out_trade_no: string, trade_status: string) => {
      const told = { out_trade_no, trade_no, total_amount, trade_status };
      return { code: "10000", msg: "Success", ...told };
    };
    const forged = `"alipay_trade_query_response":${JSON.stringify(of(out_trade_no, "TRADE_SUCCESS"))}`;
    const genuine = alipay.answer(of(out_trade_no, "WAIT_BUYER_PAY"));
    const other = alipay.answer(of("0".repeat(32), "TRADE_SUCCESS"));
    for (const [body, reason] of [
      [`{${forged},"sign":"AAAA"}`, /not signed/],
      [`{${forged}}`, /not signed/],
      [`{${forged},${genuine.slice(1)}`, /not signed/],
      [other, /another payment/],
      [alipay.answer({ code: "20000", msg: "Busy", sub_code: "isp.unknown-error" }), /isp.unknown/],
      ["<html>", /no JSON/],
      ["null", /no JSON/],
    ] as const) {
      alipay.instead(body);
      const asking = provider.find(order.id, signal);
      await expect(asking).rejects.toThrow(PaymentFailure);
      await expect(asking).rejects.toThrow(reason);
    }
    alipay.instead(`${genuine.slice(0, -1)},${forged}}`);
    expect(await provider.find(order.id, signal)).toMatchObject({ state: "waiting" });
    alipay.instead(undefined);
    const strange = open({ ALIPAY_APP_ID: "2021000000000000" });
    await expect(strange.find(order.id, signal)).rejects.toThrow(/isv.invalid-app-id/);
    const away = open({ ALIPAY_GATEWAY_URL: "http://127.0.0.1:1/gateway.do" });
    await expect(away.find(order.id, signal)).rejects.toThrow(/does not answer/);
  });
});
