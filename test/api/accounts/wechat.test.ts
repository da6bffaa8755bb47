import { describe, expect, test } from "vitest";
import { type Account, WechatIdentity, WechatScene } from "../../../models/accounts.ts";
import { AuditEntry } from "../../../models/operations.ts";
import { bearer, makeKey, PASSWORD, signIn, startWithAdmin } from "../../support/accounts.ts";
import { NOBODY, startApi, type StartedApi } from "../../support/api.ts";
import {
  makePerson,
  poll,
  post,
  scanNew,
  showQr,
  startWithWechat,
} from "../../support/federation.ts";
import { makeWechatUser, startWechat } from "../../support/stand-ins/wechat.ts";
import { digitsOf, turnOnTotp } from "../../support/totp.ts";

const tokenOf = async (api: StartedApi, { username }: Account) =>
  (await signIn(api, PASSWORD, username)).body.access_token as string;

const bind = (api: StartedApi, token: string, code: string) =>
  api.call(NOBODY, "POST", "/api/v1/wechat/bind", { json: { code }, headers: bearer(token) });

const unbind = (api: StartedApi, token: string) =>
  api.call(NOBODY, "DELETE", "/api/v1/wechat/unbind", { headers: bearer(token) });

/** A person whose WeChat is bound. */
async function bound(env: Record<string, string> = {}) {
  const { api, wechat } = await startWithWechat({ env });
  const user = makeWechatUser();
  const person = await makePerson(api, { phone: "13800138000" });
  const token = await tokenOf(api, person);
  expect((await bind(api, token, wechat.scan(user))).status).toBe(200);
  return { api, wechat, user, person, token };
}

/** What binds a scanned WeChat, whatever its proof. */
const BINDING = { session_token: `lh_wechat_${"x".repeat(43)}`, phone: "13800138000" };

const endAll = () => WechatScene.update({ expiresAt: new Date() }, { where: {} });

describe("POST /api/v1/wechat/qrcode", () => {
  test("shows the picture that WeChat would show, and what to poll with", async () => {
    const { api, wechat } = await startWithWechat();

    const { status, scene_str, session_id, qr_code_url } = await showQr(api);

    expect(status).toBe(200);
    expect(session_id).toBe(scene_str);
    expect(wechat.stateOf(qr_code_url)).toMatch(new RegExp(`^${scene_str}#.+`));
    expect((await poll(api, scene_str)).body).toEqual({ status: "pending" });
  });

  test("keeps no secret in clear, and logs none", async () => {
    const { api, wechat } = await startWithWechat();

    const { scene, sessionToken } = await scanNew(api, wechat, makeWechatUser());
    await poll(api, scene);

    const kept = JSON.stringify([
      await WechatScene.findAll(),
      await AuditEntry.findAll(),
      api.logged,
    ]);
    for (const secret of [scene, sessionToken, wechat.env["WECHAT_APP_SECRET"]!]) {
      expect(kept).not.toContain(secret);
    }
  });

  test.each([
    ["POST", "/api/v1/wechat/qrcode", { device_type: "pc" }],
    ["POST", "/api/v1/wechat/callback", { code: "c" }],
    ["GET", "/api/v1/wechat/poll/lh_scene_gone", undefined],
    ["POST", "/api/v1/wechat/bind-phone", { ...BINDING, verification_code: "123456" }],
    ["POST", "/api/v1/wechat/link-account", { ...BINDING, password: "correct horse" }],
  ])("%s %s is 503 where no WeChat is configured", async (method, path, json) => {
    const api = await startApi();

    expect(await api.call(NOBODY, method, path, json ? { json } : {})).toMatchObject({
      status: 503,
      body: { code: "accounts/wechat-not-configured" },
    });
  });
});

describe("POST /api/v1/wechat/callback", () => {
  test("gives whoever is unknown what their WeChat is bound by", async () => {
    const { api, wechat } = await startWithWechat();
    const user = makeWechatUser();

    const { answer } = await scanNew(api, wechat, user);

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      openid: user.openid,
      user_exists: false,
      need_bind_phone: true,
      session_token: expect.stringMatching(/^lh_wechat_/) as string,
    });
    expect(wechat.asked).toEqual(["/sns/oauth2/access_token", "/sns/userinfo"]);
  });

  test("needs no state: the code alone is a proof", async () => {
    const { api, wechat, user, person } = await bound();

    const known = await post(api, "callback", { code: wechat.scan(user) });
    const unknown = await post(api, "callback", { code: wechat.scan(makeWechatUser()) });

    expect(known.body).toMatchObject({ user_exists: true, user: { id: person.id } });
    expect(unknown.body).toMatchObject({ user_exists: false, need_bind_phone: true });
  });

  test("signs in whose WeChat is bound, with their own picture or that of their WeChat", async () => {
    const { api, wechat, user, person } = await bound();

    const first = await post(api, "callback", { code: wechat.scan(user) });
    await person.update({ avatar: "https://me.example.test/a.png" });
    const second = await post(api, "callback", { code: wechat.scan(user) });

    expect(first.body).toEqual({
      openid: user.openid,
      user_exists: true,
      need_bind_phone: false,
      user: {
        id: person.id,
        username: person.username,
        phone: "13800138000",
        email: null,
        avatar: user.headimgurl,
      },
      access_token: expect.any(String) as string,
      refresh_token: expect.stringMatching(/^lh_refresh_/) as string,
      expires_in: 1800,
    });
    expect(second.body.user.avatar).toBe("https://me.example.test/a.png");
  });

  test("knows a person of another app of the same owner", async () => {
    const { api, wechat, user, person } = await bound();

    const elsewhere = { ...user, openid: makeWechatUser().openid };
    const { body } = await post(api, "callback", { code: wechat.scan(elsewhere) });

    expect(body).toMatchObject({ user_exists: true, user: { id: person.id } });
  });

  test("says in the contract's words what WeChat refuses, and counts it", async () => {
    const { api } = await startWithWechat({ env: { LIMIT_TOKENS: "2/60" } });

    const answers = [];
    for (let n = 0; n < 3; n++) answers.push(await post(api, "callback", { code: "made up" }));

    expect(answers.map(({ status }) => status)).toEqual([400, 400, 429]);
    expect(answers[0]!.body).toMatchObject({ code: "accounts/wechat-refused" });
    expect(answers[0]!.body.detail).toMatch(/^获取微信access_token失败: 40029 invalid code/);
  });

  test.each([
    ["is busy", '{"errcode":-1,"errmsg":"system error"}'],
    ["answers nonsense", "<html>"],
  ])("is 503 while WeChat %s", async (_, body) => {
    const { api, wechat } = await startWithWechat();
    wechat.instead(body);

    expect(await post(api, "callback", { code: "c" })).toMatchObject({
      status: 503,
      body: { code: "accounts/wechat-away" },
    });
  });

  test("is 503 while WeChat cannot be reached, and tells no secret", async () => {
    const { env } = await startWechat();
    const api = await startApi({ env: { ...env, WECHAT_API_URL: "http://127.0.0.1:9" } });

    const answer = await post(api, "callback", { code: "c" });

    expect(answer).toMatchObject({ status: 503, body: { code: "accounts/wechat-away" } });
    const told = JSON.stringify([answer.body, api.logged]);
    expect(told).not.toContain(env["WECHAT_APP_SECRET"]);
  });

  test("spends no code for a scene that is unknown, over or scanned", async () => {
    const { api, wechat } = await startWithWechat();
    const code = wechat.scan(makeWechatUser());
    const { scene } = await scanNew(api, wechat, makeWechatUser());
    const { scene_str: old } = await showQr(api);
    const asked = wechat.asked.length;

    const unknown = await post(api, "callback", { code, state: "nowhere" });
    const used = await post(api, "callback", { code, state: scene });
    await endAll();
    const over = await post(api, "callback", { code, state: old });

    expect(unknown).toMatchObject({ status: 404, body: { detail: "会话不存在" } });
    for (const one of [used, over]) {
      expect(one).toMatchObject({ status: 400, body: { detail: "会话无效" } });
    }
    expect(wechat.asked).toHaveLength(asked);
  });

  test("takes one of two who scan the same picture at once", async () => {
    const { api, wechat } = await startWithWechat();
    const { scene_str: state } = await showQr(api);

    const answers = await Promise.all(
      Array.from({ length: 4 }, () =>
        post(api, "callback", { code: wechat.scan(makeWechatUser()), state }),
      ),
    );

    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  test("signs nobody in whose account is closed", async () => {
    const { api, wechat, user, person } = await bound();
    await person.update({ isActive: false });

    const { status } = await post(api, "callback", { code: wechat.scan(user) });

    expect(status).toBe(401);
  });

  test("leaves whoever has a second proof with a challenge", async () => {
    const { api, wechat, user, token } = await bound();
    const { secret } = await turnOnTotp(api, token);

    const asked = await post(api, "callback", { code: wechat.scan(user) });
    const signedIn = await api.call(NOBODY, "POST", "/api/v1/auth/challenge", {
      json: { challenge: asked.body.challenge as string, totp: digitsOf(secret, 1) },
    });

    expect(asked).toMatchObject({ status: 401, body: { code: "auth/totp-required" } });
    expect(signedIn.status).toBe(200);
  });
});

describe("GET /api/v1/wechat/poll/:scene_str", () => {
  test("tells while scanned what is needed, each time", async () => {
    const { api, wechat } = await startWithWechat();
    const { scene, sessionToken } = await scanNew(api, wechat, makeWechatUser());

    const polls = [await poll(api, scene), await poll(api, scene)];

    for (const { body } of polls) {
      expect(body).toEqual({
        status: "scanned",
        need_bind_phone: true,
        session_token: sessionToken,
      });
    }
  });

  test("hands tokens out once, to one of many who poll", async () => {
    const { api, wechat, user, person } = await bound();
    const { scene } = await scanNew(api, wechat, user);

    const polls = await Promise.all(Array.from({ length: 6 }, () => poll(api, scene)));

    const [first, ...more] = polls.filter(({ body }) => "access_token" in body);
    expect(more).toEqual([]);
    expect(first!.body).toMatchObject({ status: "confirmed", user: { id: person.id } });
    expect((await poll(api, scene)).body).toEqual({ status: "confirmed", need_bind_phone: false });
  });

  test("ends by comparing the time, whatever was reached", async () => {
    const { api, wechat, user } = await bound();
    const pending = (await showQr(api)).scene_str;
    const { scene: confirmed } = await scanNew(api, wechat, user);
    const { scene: scanned } = await scanNew(api, wechat, makeWechatUser());

    await endAll();

    for (const scene of [pending, confirmed, scanned]) {
      expect((await poll(api, scene)).body).toEqual({ status: "expired" });
    }
  });

  test("knows nothing of what is no scene, and counts it", async () => {
    const { api } = await startWithWechat({ env: { LIMIT_TOKENS: "2/60" } });

    const answers = [await poll(api, "x"), await poll(api, "y"), await poll(api, "z")];

    expect(answers.map(({ status }) => status)).toEqual([404, 404, 429]);
    expect(answers[0]!.body.detail).toBe("会话不存在");
  });
});

describe("POST /api/v1/wechat/bind", () => {
  test("binds the WeChat of a code, and says whose it is", async () => {
    const { api, wechat } = await startWithWechat();
    const user = makeWechatUser("小红");
    const person = await makePerson(api);
    const token = await tokenOf(api, person);

    const { status, body } = await bind(api, token, wechat.scan(user));

    expect(status).toBe(200);
    expect(body).toEqual({
      success: true,
      message: "绑定成功",
      wechat_nickname: "小红",
      wechat_avatar: user.headimgurl,
      bound_at: expect.any(String) as string,
    });
    expect((await bind(api, token, wechat.scan(user))).status).toBe(200);
    const audited = await AuditEntry.findAll({ where: { action: "accounts.wechat-bound" } });
    expect(audited).toHaveLength(1);
  });

  test("refuses a WeChat that is somebody else's, and a second one", async () => {
    const { api, wechat, user, token } = await bound();
    const other = await tokenOf(api, await makePerson(api));

    const theirs = await bind(api, other, wechat.scan(user));
    const second = await bind(api, token, wechat.scan(makeWechatUser()));

    expect(theirs).toMatchObject({ status: 400, body: { detail: "该微信已被其他账号绑定" } });
    expect(second).toMatchObject({ status: 400, body: { detail: "该账号已绑定其他微信" } });
  });

  test("gives a WeChat to one of many accounts that want it at once", async () => {
    const { api, wechat } = await startWithWechat();
    const user = makeWechatUser();
    const people = [await makePerson(api), await makePerson(api), await makePerson(api)];
    const tokens = [];
    for (const person of people) tokens.push(await tokenOf(api, person));

    const answers = await Promise.all(tokens.map((token) => bind(api, token, wechat.scan(user))));

    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(await WechatIdentity.count()).toBe(1);
  });

  test("is for people, not for their keys", async () => {
    const api = await startWithAdmin();
    const token = (await signIn(api)).body.access_token as string;
    const { key } = (await makeKey(api, token)).body as { key: string };

    const { status } = await api.call(NOBODY, "POST", "/api/v1/wechat/bind", {
      json: { code: "c" },
      headers: { "X-API-Key": key },
    });

    expect(status).toBe(403);
  });
});

describe("DELETE /api/v1/wechat/unbind", () => {
  test("takes the WeChat from the account: it is unknown again", async () => {
    const { api, wechat, user, token } = await bound();

    const once = await unbind(api, token);
    const twice = await unbind(api, token);

    expect(once.body).toEqual({ success: true, message: "解绑成功" });
    expect(twice).toMatchObject({ status: 400, body: { detail: "未绑定微信" } });
    const { body } = await post(api, "callback", { code: wechat.scan(user) });
    expect(body.user_exists).toBe(false);
  });
});
