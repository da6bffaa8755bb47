import { describe, expect, test } from "vitest";
import { Recharge } from "../../../models/billing/index.ts";
import { AuditEntry, OutboxEntry } from "../../../models/operations.ts";
import { ALIPAY_NOTIFICATION_PATH } from "../../../platform/payments/index.ts";
import { makePerson, startWithAdmin } from "../../support/accounts.ts";
import { type AlipayTrade, startAlipay } from "../../support/stand-ins/alipay.ts";

async function start() {
  const alipay = await startAlipay();
  const api = await startWithAdmin({ env: { ...alipay.env, PUBLIC_URL: "https://pay.example" } });
  const ann = await makePerson(api);
  const recharge = async (json: object = { amount: "50" }) =>
    (await ann.call("POST", "/api/v1/users/recharge", json)).body;
  const balance = async () => (await ann.call("GET", "/api/v1/users/balance")).body.balance;
  const read = async (id: string) => (await ann.call("GET", `/api/v1/users/recharges/${id}`)).body;
  const send = async (body: URLSearchParams | string, type?: string) => {
    const headers = { "Content-Type": type ?? "application/x-www-form-urlencoded;charset=utf-8" };
    const address = new URL(ALIPAY_NOTIFICATION_PATH, api.address);
    const answer = await fetch(address, { method: "POST", headers, body });
    return { status: answer.status, text: await answer.text() };
  };
  const tell = (trade: AlipayTrade, status: AlipayTrade["trade_status"], more = {}) => {
    trade.trade_status = status;
    return send(alipay.notification(trade, more));
  };
  return { alipay, api, ann, recharge, balance, read, send, tell };
}

const payments = () => AuditEntry.count({ where: { action: "billing.recharge-paid" } });

describe("POST /api/v1/billing/alipay/notification", () => {
  test("makes the money count once, however often and in whatever order it is told", async () => {
    const { alipay, recharge, balance, read, tell } = await start();
    const { recharge_id, pay_url, expires_at } = await recharge();
    const trade = await alipay.open(pay_url);
    expect(await read(recharge_id)).toMatchObject({ status: "pending", expires_at });
    const workflow = { workflow: "rechargePayment", workflowId: `recharge/${recharge_id}` };
    expect(await OutboxEntry.findOne({ where: workflow })).toMatchObject({
      input: { rechargeId: recharge_id },
    });

    const told = [await tell(trade, "WAIT_BUYER_PAY"), await tell(trade, "TRADE_CLOSED")];
    expect(await balance()).toBe("0.00");
    for (let times = 0; times < 5; times++) told.push(await tell(trade, "TRADE_SUCCESS"));
    told.push(...(await Promise.all([1, 2].map(() => tell(trade, "TRADE_SUCCESS")))));
    told.push(await tell(trade, "TRADE_CLOSED"));

    for (const answer of told) expect(answer).toEqual({ status: 200, text: "success" });
    expect(await balance()).toBe("50.00");
    expect(await payments()).toBe(1);
    const paid = await read(recharge_id);
    expect(paid).toMatchObject({ status: "paid", method: "alipay", amount: "50.00" });
    expect(paid.pay_url).toBeUndefined();
    const row = await Recharge.findByPk(recharge_id);
    expect(row).toMatchObject({ providerReference: trade.trade_no, decidedBy: null });
  });

  test("counts although somebody said no before, and a confirmed one no second time", async () => {
    const { alipay, api, recharge, balance, tell } = await start();
    const boss = await makePerson(api, "admin", "boss");
    const decide = (id: string, how: string) =>
      boss.call("POST", `/api/v1/admin/recharges/${id}/${how}`, { reason: "nothing came" });
    const [one, other] = [await recharge(), await recharge({ amount: 1.5 })];
    await decide(one.recharge_id, "reject");
    await decide(other.recharge_id, "confirm");

    for (const { pay_url } of [one, other]) await tell(await alipay.open(pay_url), "TRADE_SUCCESS");

    expect(await balance()).toBe("51.50");
    expect(await payments()).toBe(1);
  });

  test("is refused when Alipay did not sign it, for another amount or app, or for nothing of ours", async () => {
    const { alipay, api, recharge, balance, send, tell } = await start();
    const trade = await alipay.open((await recharge()).pay_url);
    const paid = { trade_status: "TRADE_SUCCESS" };
    const forged = alipay.notification(trade);
    forged.set("trade_status", "TRADE_SUCCESS");
    const twice = alipay.notification(trade, paid);
    twice.append("total_amount", "50.00");
    const nobody = alipay.notification(trade, { ...paid, out_trade_no: "0".repeat(32) });
    const other = alipay.notification(trade, { ...paid, app_id: "2021000000000000" });
    const less = alipay.notification(trade, { ...paid, total_amount: "0.01" });

    const answers = await Promise.all(
      [forged, twice, nobody, other, less, ""].map((one) => send(one)),
    );
    const json = await send(JSON.stringify(Object.fromEntries(forged)), "application/json");

    expect(answers.map(({ status }) => status)).toEqual([400, 400, 404, 400, 409, 422]);
    expect(json.status).toBe(415);
    for (const { text } of [...answers, json]) expect(text).not.toContain("success");
    const back = await tell(trade, "TRADE_SUCCESS", { gmt_refund: "2026-11-21 19:00:00" });
    expect(back.text).toBe("success");
    expect(await balance()).toBe("0.00");
    expect(JSON.stringify(api.logged)).not.toContain(alipay.env["ALIPAY_PRIVATE_KEY"]);
  });

  test("is 503 where nobody pays by Alipay, and so is a recharge that asks for it", async () => {
    const api = await startWithAdmin();
    const ann = await makePerson(api);
    const asked = { amount: "5", method: "alipay" };
    const address = new URL(ALIPAY_NOTIFICATION_PATH, api.address);

    const told = await fetch(address, { method: "POST", body: new URLSearchParams({ a: "b" }) });
    const refused = await ann.call("POST", "/api/v1/users/recharge", asked);

    expect(told.status).toBe(503);
    expect([refused.status, refused.body.code]).toEqual([503, "billing/alipay-not-configured"]);
    expect(await Recharge.count()).toBe(0);
  });
});

describe("GET /api/v1/users/recharges/:id", () => {
  test("shows one's own, with where it is paid while it can be, and nobody else's", async () => {
    const { alipay, api, recharge, read } = await start();
    const { recharge_id, pay_url, expires_at } = await recharge();
    const { recharge_id: byHand, ...rest } = await recharge({ amount: "1", method: "manual" });

    const shown = await read(recharge_id);
    expect(await alipay.open(shown.pay_url)).toEqual(await alipay.open(pay_url));
    expect(shown).toMatchObject({
      id: recharge_id,
      amount: "50.00",
      status: "pending",
      expires_at,
    });
    expect(rest).toEqual({ status: "pending" });
    expect(await read(byHand)).not.toHaveProperty("pay_url");
    const ben = await makePerson(api, "user", "ben");
    const strange = await ben.call("GET", `/api/v1/users/recharges/${recharge_id}`);
    expect([strange.status, strange.body.code]).toEqual([404, "billing/recharge-not-found"]);
    await Recharge.update({ createdAt: new Date(0) }, { where: { id: recharge_id }, silent: true });
    expect(await read(recharge_id)).not.toHaveProperty("pay_url");
  });
});
