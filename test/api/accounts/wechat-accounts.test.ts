import { describe, expect, test } from "vitest";
import { Account, WechatIdentity, WechatScene } from "../../../models/accounts.ts";
import { askForCode, PASSWORD, signIn } from "../../support/accounts.ts";
import type { StartedApi } from "../../support/api.ts";
import { makePerson, poll, post, scanNew, startWithWechat } from "../../support/federation.ts";
import { makeWechatUser } from "../../support/stand-ins/wechat.ts";
import { digitsOf, turnOnTotp } from "../../support/totp.ts";

const PHONE = "13800138000";

const link = (api: StartedApi, session_token: string, given: object = {}) =>
  post(api, "link-account", { session_token, phone: PHONE, password: PASSWORD, ...given });

/** A WeChat that was scanned and is bound to nobody, beside a person with a phone number. */
async function scanned(env: Record<string, string> = {}) {
  const { api, wechat } = await startWithWechat({ env });
  const person = await makePerson(api, { phone: PHONE });
  const user = makeWechatUser();
  const { scene, sessionToken } = await scanNew(api, wechat, user);
  return { api, wechat, person, user, scene, sessionToken };
}

/** A WeChat that was scanned, and the code that was sent to a phone. */
async function ready() {
  const env = { DEV_MESSAGES: "on", LIMIT_SMS_PHONE: "100/60", LIMIT_REGISTER: "100/60" };
  const { api, wechat } = await startWithWechat({ env });
  const user = makeWechatUser();
  const { scene, sessionToken: session_token } = await scanNew(api, wechat, user);
  const verification_code = await askForCode(api, { phone: PHONE });
  const register = (given: object = {}) =>
    post(api, "bind-phone", { session_token, phone: PHONE, verification_code, ...given });
  return { api, wechat, user, scene, register };
}

describe("POST /api/v1/wechat/bind-phone", () => {
  test("registers with the phone as name, and signs in here and where it is polled", async () => {
    const { api, wechat, user, scene, register } = await ready();

    const { status, body } = await register();

    expect(status).toBe(201);
    expect(body).toEqual({
      success: true,
      message: "注册成功",
      user: {
        id: expect.any(String) as string,
        username: PHONE,
        phone: PHONE,
        email: null,
        avatar: user.headimgurl,
      },
      access_token: expect.any(String) as string,
      refresh_token: expect.any(String) as string,
      expires_in: 1800,
    });
    expect((await poll(api, scene)).body).toMatchObject({ user: { id: body.user.id } });
    const { answer } = await scanNew(api, wechat, user);
    expect(answer.body).toMatchObject({ user_exists: true, user: { id: body.user.id } });
  });

  test("refuses a wrong code, and one that was used", async () => {
    const { api, wechat, register } = await ready();

    const wrong = await register({ verification_code: "000000" });
    const right = await register();
    const { sessionToken } = await scanNew(api, wechat, makeWechatUser());
    const used = await register({ session_token: sessionToken });

    expect(wrong).toMatchObject({ status: 400, body: { detail: "验证码无效或已过期" } });
    expect(right.status).toBe(201);
    expect(used).toMatchObject({ status: 400, body: { detail: "验证码无效或已过期" } });
  });

  test("refuses a number that is somebody's, and burns neither the code nor the session", async () => {
    const { api, register } = await ready();
    const holder = await makePerson(api, { phone: PHONE });

    const taken = await register();
    await holder.update({ phone: null });
    const free = await register();

    expect(taken).toMatchObject({ status: 400, body: { detail: "该手机号已被注册" } });
    expect(free.status).toBe(201);
  });

  test("refuses a session that is none, or over", async () => {
    const { register } = await ready();

    const unknown = await register({ session_token: "lh_wechat_none" });
    await WechatScene.update({ expiresAt: new Date() }, { where: {} });
    const over = await register();

    for (const answer of [unknown, over]) {
      expect(answer).toMatchObject({ status: 400, body: { detail: "会话无效" } });
    }
  });

  test("makes one account when it is sent many times at once", async () => {
    const { register } = await ready();

    const answers = await Promise.all(Array.from({ length: 4 }, () => register()));

    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect([await Account.count(), await WechatIdentity.count()]).toEqual([1, 1]);
  });

  test("says in the contract's words what is no phone number", async () => {
    const { register } = await ready();

    const { status, body } = await register({ phone: "12345678901" });

    expect(status).toBe(422);
    expect(body.issues).toMatchObject([{ path: "phone", message: "手机号格式不正确" }]);
  });
});

describe("POST /api/v1/wechat/link-account", () => {
  test("binds the scanned WeChat and signs in, here and where it is polled", async () => {
    const { api, wechat, person, user, scene, sessionToken } = await scanned();

    const { status, body } = await link(api, sessionToken);

    expect(status).toBe(200);
    expect(body).toEqual({
      success: true,
      message: "关联成功",
      user: {
        id: person.id,
        username: person.username,
        phone: PHONE,
        email: null,
        avatar: user.headimgurl,
      },
      access_token: expect.any(String) as string,
      refresh_token: expect.any(String) as string,
      expires_in: 1800,
    });
    expect((await poll(api, scene)).body).toMatchObject({
      status: "confirmed",
      access_token: expect.any(String) as string,
    });
    const { answer } = await scanNew(api, wechat, user);
    expect(answer.body).toMatchObject({ user_exists: true, user: { id: person.id } });
  });

  test("refuses a wrong password and an unknown number alike, and counts both", async () => {
    const { api, sessionToken } = await scanned({ LIMIT_SIGN_IN: "2/60" });

    const answers = [
      await link(api, sessionToken, { password: "wrong password" }),
      await link(api, sessionToken, { phone: "13900139000" }),
      await link(api, sessionToken),
    ];

    expect(answers.map(({ status }) => status)).toEqual([401, 401, 429]);
    expect(answers.slice(0, 2).map(({ body }) => body.detail)).toEqual(
      Array(2).fill("手机号或密码错误"),
    );
    expect(await WechatIdentity.count()).toBe(0);
  });

  test("refuses a session that is none, over or used, and counts it", async () => {
    const { api, sessionToken } = await scanned({ LIMIT_TOKENS: "3/60" });
    await link(api, sessionToken);
    const used = await link(api, sessionToken);
    const unknown = await link(api, "lh_wechat_none");
    await WechatScene.update({ expiresAt: new Date() }, { where: {} });
    const over = await link(api, sessionToken);

    for (const answer of [used, unknown, over]) {
      expect(answer).toMatchObject({ status: 400, body: { detail: "会话无效" } });
    }
    expect((await link(api, sessionToken)).status).toBe(429);
  });

  test("refuses an account that has another WeChat, and the scene can still be used", async () => {
    const { api, wechat, sessionToken } = await scanned();
    await link(api, sessionToken);
    const { sessionToken: second } = await scanNew(api, wechat, makeWechatUser());

    const refused = await link(api, second);
    await makePerson(api, { phone: "13700137000" });
    const other = await link(api, second, { phone: "13700137000" });

    expect(refused).toMatchObject({ status: 400, body: { detail: "该账号已绑定其他微信" } });
    expect(other.status).toBe(200);
  });

  test("binds once when it is sent many times at once", async () => {
    const { api, sessionToken } = await scanned();

    const answers = await Promise.all(Array.from({ length: 4 }, () => link(api, sessionToken)));

    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(await WechatIdentity.count()).toBe(1);
  });

  test("asks for the second proof before it binds", async () => {
    const { api, person, sessionToken } = await scanned();
    const token = (await signIn(api, PASSWORD, person.username)).body.access_token as string;
    const { secret } = await turnOnTotp(api, token);

    const without = await link(api, sessionToken);
    const before = await WechatIdentity.count();
    const withDigits = await link(api, sessionToken, { totp: digitsOf(secret, 1) });

    expect(without).toMatchObject({ status: 401, body: { code: "auth/totp-required" } });
    expect(before).toBe(0);
    expect(withDigits.status).toBe(200);
  });
});
