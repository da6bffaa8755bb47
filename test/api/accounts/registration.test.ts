import { describe, expect, test } from "vitest";
import { Account, VerificationCode } from "../../../models/accounts.ts";
import { AuditEntry, OutboxEntry } from "../../../models/operations.ts";
import {
  askForCode,
  bearer,
  digitsTo,
  listKeys,
  PASSWORD,
  post,
  registerByMail,
  signIn,
  startWithAdmin,
  startWithMessages,
} from "../../support/accounts.ts";
import type { StartedApi } from "../../support/api.ts";

const PHONE = "13800138000";
const sendCode = (api: StartedApi, json: object, headers = {}) =>
  post(api, "/api/v1/auth/send-code", json, headers);
const register = (api: StartedApi, json: object) => post(api, "/api/v1/auth/register", json);
const verify = (api: StartedApi, email: string, digits: string) =>
  post(api, "/api/v1/auth/verify-email", { email, verification_code: digits });
const byPhone = (digits: string, given: object = {}) => ({
  username: "ann",
  phone: PHONE,
  verification_code: digits,
  password: PASSWORD,
  ...given,
});
const wrong = (digits: string) => String((Number(digits) + 1) % 1_000_000).padStart(6, "0");

describe("POST /api/v1/auth/send-code", () => {
  test("promises a code and hands it to a workflow, which is told neither digits nor number", async () => {
    const api = await startWithMessages();

    const { status, body } = await sendCode(api, { phone: PHONE });

    expect(status).toBe(200);
    expect(body).toEqual({
      success: true,
      message: "验证码已发送（演示模式）",
      request_id: expect.any(String) as string,
    });
    const digits = await digitsTo(api, PHONE);
    expect(digits).toMatch(/^\d{6}$/);
    const code = await VerificationCode.findOne({ rejectOnEmpty: true });
    const [entry] = await OutboxEntry.findAll();
    expect(entry).toMatchObject({ workflow: "codeDelivery", input: { codeId: code.id } });
    const written = JSON.stringify([await OutboxEntry.findAll(), await AuditEntry.findAll()]);
    expect(written).not.toContain(PHONE);
    expect(JSON.stringify([code, written, api.logged])).not.toContain(`"${digits}"`);
  });

  test("says so when nothing can carry it, and makes no code", async () => {
    const api = await startWithAdmin();

    const bySms = await sendCode(api, { phone: PHONE });
    const byMail = await sendCode(api, { email: "ann@example.com" });

    expect(bySms).toMatchObject({ status: 503, body: { code: "accounts/sms-not-configured" } });
    expect(byMail).toMatchObject({ status: 503, body: { code: "accounts/mail-not-configured" } });
    expect(await VerificationCode.count()).toBe(0);
  });

  test("refuses what is no mobile number in the words of the client contract", async () => {
    const api = await startWithMessages();

    for (const phone of ["12800138000", "1380013800", "+8613800138000", "138001380000"]) {
      expect(await sendCode(api, { phone })).toMatchObject({
        status: 422,
        body: { issues: [{ path: "phone", message: "手机号格式不正确" }] },
      });
    }
    expect((await sendCode(api, {})).body.issues).toMatchObject([{ path: "phone" }]);
  });

  test("sends one phone a code a minute and five an hour, whoever asks", async () => {
    const env = { LIMIT_SMS_PHONE: "2/60,3/3600", TRUST_PROXY: "1" };
    const api = await startWithMessages({ env });
    const from = (n: number, phone: string) =>
      sendCode(api, { phone }, { "X-Forwarded-For": `192.0.2.${n}` });
    await from(1, PHONE);
    await VerificationCode.update({ createdAt: new Date(0) }, { where: {} });
    await from(2, PHONE);

    const third = await from(3, PHONE);

    expect(third.status).toBe(429);
    const seconds = third.headers.get("Retry-After");
    expect(third.body.detail).toBe(`验证码请求过于频繁,请在 ${seconds} 秒后重试`);
    expect((await from(3, "13900139000")).status).toBe(200);
  });

  test("what one limit refuses costs nothing of the others", async () => {
    const api = await startWithMessages({
      env: { LIMIT_SMS_PHONE: "1/60", LIMIT_SMS_ADDRESS: "2/60" },
    });
    await sendCode(api, { phone: PHONE });
    for (let n = 0; n < 4; n++) expect((await sendCode(api, { phone: PHONE })).status).toBe(429);

    expect((await sendCode(api, { phone: "13900139000" })).status).toBe(200);
    expect((await sendCode(api, { phone: "13700137000" })).status).toBe(429);
  });

  test("keeps its minute between two codes also where the limits are lost", async () => {
    const api = await startWithMessages();
    await sendCode(api, { phone: PHONE });

    expect(await sendCode(api, { phone: PHONE })).toMatchObject({
      status: 400,
      body: { code: "accounts/code-too-soon", detail: "验证码已发送，请60秒后再试" },
    });
  });

  test("mails only to the addresses of accounts, and does not tell which they are", async () => {
    const api = await startWithMessages();
    await registerByMail(api);
    await VerificationCode.update({ createdAt: new Date(0) }, { where: {} });
    await OutboxEntry.destroy({ where: {} });

    const known = await sendCode(api, { email: "Ann@Example.com" });
    const unknown = await sendCode(api, { email: "nobody@example.com" });

    expect([known.status, unknown.status]).toEqual([200, 200]);
    expect(known.body.message).toBe(unknown.body.message);
    // Nor by a code that was just sent: it still counts, and no other one is mailed.
    expect((await sendCode(api, { email: "ann@example.com" })).status).toBe(200);
    expect(await OutboxEntry.count()).toBe(1);
  });
});

describe("POST /api/v1/auth/register", () => {
  test("by phone makes an account with a proven number and signs it in", async () => {
    const api = await startWithMessages();
    const digits = await askForCode(api, { phone: PHONE });

    const { status, body } = await register(api, byPhone(digits));

    expect(status).toBe(201);
    expect(Object.keys(body).sort()).toEqual(
      ["access_token", "expires_in", "refresh_token", "token_type", "user"].sort(),
    );
    expect(body).toMatchObject({
      token_type: "bearer",
      expires_in: 1800,
      user: { username: "ann", phone: PHONE, phone_verified: true, email: null, balance: 0 },
    });
    expect((await listKeys(api, body.access_token)).status).toBe(200);
    for (const name of ["ann", PHONE]) expect((await signIn(api, PASSWORD, name)).status).toBe(200);
    expect(await register(api, byPhone(digits, { username: "bob" }))).toMatchObject({
      status: 400,
      body: { detail: "验证码无效或已过期" },
    });
  });

  test("by e-mail answers tokens at once, and mails the code that confirms the address", async () => {
    const api = await startWithMessages();

    const { status, body } = await registerByMail(api, "ann", {
      email: "Ann@Example.com",
      phone: PHONE,
    });

    expect(status).toBe(201);
    expect(body).toMatchObject({
      email_verified: false,
      user: {
        email: "ann@example.com",
        email_verified: false,
        phone: PHONE,
        phone_verified: false,
      },
    });
    expect((await signIn(api, PASSWORD, "ANN@example.com")).status).toBe(200);
    // The number was not proven: nobody signs in by it, and whoever proves it may have it.
    expect((await signIn(api, PASSWORD, PHONE)).status).toBe(401);
    const digits = await digitsTo(api, "ann@example.com");
    expect((await verify(api, "ann@example.com", digits)).status).toBe(200);
  });

  test("by e-mail is not pretended where no mail is sent", async () => {
    const api = await startWithAdmin();

    expect(await registerByMail(api)).toMatchObject({
      status: 503,
      body: { code: "accounts/mail-not-configured" },
    });
    expect(await Account.count()).toBe(1);
  });

  test("chooses its form before it checks: the faults are of the form that was meant", async () => {
    const api = await startWithMessages();
    const paths = async (json: object) =>
      (await register(api, json)).body.issues.map(({ path }: { path: string }) => path).sort();

    expect(await paths({ phone: "1", verification_code: "x" })).toEqual([
      "password",
      "phone",
      "username",
      "verification_code",
    ]);
    expect(await paths({ phone: "1", email: "no address", more: 1 })).toEqual([
      "email",
      "more",
      "password",
      "phone",
      "username",
    ]);
  });

  test("refuses user names that look like a phone number, and weak or breached passwords", async () => {
    const api = await startWithMessages();
    api.services.passwords.isBreached = (password) => password === "iloveyou";
    const issues = async (given: object) =>
      (await registerByMail(api, "ann", given)).body.issues as { path: string }[];

    expect(await issues({ username: "12345678901" })).toMatchObject([{ path: "username" }]);
    expect(await issues({ username: "an n" })).toMatchObject([{ path: "username" }]);
    expect(await issues({ password: "short" })).toMatchObject([{ path: "password" }]);
    expect(await issues({ password: "iloveyou" })).toEqual([
      { path: "password", in: "body", message: "is known from a breach: choose another one" },
    ]);
  });

  test("does not burn the code when the name is taken, and says what is taken", async () => {
    const api = await startWithMessages();
    const digits = await askForCode(api, { phone: PHONE });

    expect(await register(api, byPhone(digits, { username: "admin" }))).toMatchObject({
      status: 400,
      body: { code: "accounts/username-registered", detail: "Username already registered" },
    });
    expect((await register(api, byPhone(digits))).status).toBe(201);

    await VerificationCode.destroy({ where: {} });
    const next = await askForCode(api, { phone: PHONE });
    expect(await register(api, byPhone(next, { username: "bob" }))).toMatchObject({
      status: 400,
      body: { code: "accounts/phone-registered", detail: "Phone number already registered" },
    });
    await registerByMail(api, "eve");
    expect(await registerByMail(api, "mallory", { email: "eve@example.com" })).toMatchObject({
      status: 400,
      body: { code: "accounts/email-registered", detail: "Email already registered" },
    });
  });

  test("takes five wrong codes, and then not even the right one", async () => {
    const api = await startWithMessages();
    const digits = await askForCode(api, { phone: PHONE });
    for (let n = 0; n < 5; n++) {
      expect(await register(api, byPhone(wrong(digits)))).toMatchObject({
        status: 400,
        body: { code: "accounts/code-invalid", detail: "验证码无效或已过期" },
      });
    }

    expect((await register(api, byPhone(digits))).status).toBe(400);
  });

  test("counts for the address, good or bad, and says when to come back", async () => {
    const api = await startWithMessages({ env: { LIMIT_REGISTER: "2/3600" } });
    await registerByMail(api, "ann");
    await registerByMail(api, "ann");

    const { status, headers, body } = await registerByMail(api, "bob");

    expect(status).toBe(429);
    expect(body.detail).toBe(`注册请求过于频繁,请在 ${headers.get("Retry-After")} 秒后重试`);
  });

  test("frees an address after a day for whoever can prove it", async () => {
    const api = await startWithMessages();
    await registerByMail(api, "squatter", { email: "ann@example.com" });
    await Account.update(
      { emailClaimedAt: new Date(Date.now() - 86_400_000) },
      { where: { username: "squatter" } },
    );

    expect((await registerByMail(api, "ann")).status).toBe(201);

    expect((await signIn(api, PASSWORD, "ann@example.com")).body.user.username).toBe("ann");
  });

  test("makes people who may do nothing but look after themselves", async () => {
    const api = await startWithMessages();
    const { body } = await registerByMail(api);
    const headers = bearer(body.access_token);

    expect((await api.call(undefined, "GET", "/api/v1/packages", { headers })).status).toBe(403);
    expect((await api.call(undefined, "GET", "/api/v1/users/me", { headers })).status).toBe(200);
  });
});

describe("POST /api/v1/auth/verify-email", () => {
  test("confirms the address once its code came back", async () => {
    const api = await startWithMessages();
    const { body } = await registerByMail(api);
    const digits = await digitsTo(api, "ann@example.com");

    expect((await verify(api, "ann@example.com", wrong(digits))).status).toBe(400);
    const { status, body: done } = await verify(api, "ann@example.com", digits);

    expect({ status, done }).toEqual({
      status: 200,
      done: { message: "E-mail address verified", success: true },
    });
    const headers = bearer(body.access_token);
    const me = await api.call(undefined, "GET", "/api/v1/users/me", { headers });
    expect(me.body.email_verified).toBe(true);
    expect((await verify(api, "ann@example.com", digits)).status).toBe(400);
  });

  test("takes no code that was sent somewhere else", async () => {
    const api = await startWithMessages();
    await registerByMail(api, "ann");
    await registerByMail(api, "bob");

    const answer = await verify(api, "ann@example.com", await digitsTo(api, "bob@example.com"));

    // Of a million codes two may be the same.
    const same =
      (await digitsTo(api, "bob@example.com")) === (await digitsTo(api, "ann@example.com"));
    expect(answer.status).toBe(same ? 200 : 400);
  });
});
