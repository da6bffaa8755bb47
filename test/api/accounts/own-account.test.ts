import { describe, expect, test } from "vitest";
import { Account, Session, VerificationCode } from "../../../models/accounts.ts";
import { AuditEntry } from "../../../models/operations.ts";
import {
  askForCode,
  bearer,
  digitsTo,
  listKeys,
  makeKey,
  PASSWORD,
  post,
  refresh,
  registerByMail,
  signIn,
  startWithMessages,
} from "../../support/accounts.ts";
import type { StartedApi } from "../../support/api.ts";

const PHONE = "13800138000";
const NEXT = "a better password";

async function startWithAnn(env: Record<string, string> = {}) {
  const api = await startWithMessages({ env });
  const { body } = await registerByMail(api);
  const call = (method: string, path: string, json?: object) =>
    api.call(undefined, method, path, {
      ...(json && { json }),
      headers: bearer(body.access_token),
    });
  return { api, ann: body, call };
}

const reset = (api: StartedApi, json: object) => post(api, "/api/v1/auth/reset-password", json);
const confirm = async (api: StartedApi, email: string) =>
  post(api, "/api/v1/auth/verify-email", {
    email,
    verification_code: await digitsTo(api, email),
  });
const forgetGap = () => VerificationCode.destroy({ where: {} });

describe("GET /api/v1/users/me", () => {
  test("shows the fields of the client contract, money as text", async () => {
    const { call } = await startWithAnn();

    const { status, body } = await call("GET", "/api/v1/users/me");

    expect(status).toBe(200);
    expect(body).toMatchObject({
      username: "ann",
      email: "ann@example.com",
      phone: null,
      avatar: null,
      balance: "0.00",
      member_level: 0,
      is_active: true,
      last_login_at: expect.any(String) as string,
      updated_at: expect.any(String) as string,
    });
  });

  test("is for nobody who is not signed in", async () => {
    const { api } = await startWithAnn();

    expect((await api.call(undefined, "GET", "/api/v1/users/me")).status).toBe(401);
  });
});

describe("PUT /api/v1/users/me", () => {
  test("changes what was sent and nothing else", async () => {
    const { call } = await startWithAnn();

    const { status, body } = await call("PUT", "/api/v1/users/me", { avatar: "https://x/a.png" });

    expect(status).toBe(200);
    expect(body).toMatchObject({ username: "ann", avatar: "https://x/a.png" });
    const entry = await AuditEntry.findOne({ where: { action: "accounts.changed" } });
    expect(entry).toMatchObject({
      actorName: "ann",
      before: { avatar: null },
      after: { avatar: "https://x/a.png" },
    });
    const cleared = await call("PUT", "/api/v1/users/me", { avatar: null });
    expect(cleared.body.avatar).toBeNull();
  });

  test("what changes nothing is answered, and is no news", async () => {
    const { call } = await startWithAnn();
    const before = (await call("GET", "/api/v1/users/me")).body;

    const nothing = await call("PUT", "/api/v1/users/me", {});
    const same = await call("PUT", "/api/v1/users/me", {
      username: "ann",
      email: "ANN@example.com",
      avatar: null,
    });

    expect([nothing.status, same.status]).toEqual([200, 200]);
    expect([nothing.body, same.body]).toEqual([before, before]);
    expect(await AuditEntry.count({ where: { action: "accounts.changed" } })).toBe(0);
  });

  test("says what others have, in the words of the client contract", async () => {
    const { api, call } = await startWithAnn();
    await registerByMail(api, "bob");
    await Account.update({ phone: PHONE }, { where: { username: "bob" } });
    const cases = [
      [{ username: "bob" }, "Username already exists"],
      [{ email: "bob@example.com" }, "Email already exists"],
      [{ phone: PHONE }, "Phone number already exists"],
    ] as const;

    for (const [json, detail] of cases) {
      expect(await call("PUT", "/api/v1/users/me", json)).toMatchObject({
        status: 400,
        body: { detail },
      });
    }
    expect((await call("PUT", "/api/v1/users/me", { username: "13800138000" })).status).toBe(422);
  });

  test("a phone number counts with its code, and not before", async () => {
    const { api, call } = await startWithAnn();
    const claimed = await call("PUT", "/api/v1/users/me", { phone: PHONE });
    expect(claimed.body).toMatchObject({ phone: PHONE, phone_verified: false });
    expect((await signIn(api, PASSWORD, PHONE)).status).toBe(401);
    const digits = await askForCode(api, { phone: PHONE });

    const proven = await call("PUT", "/api/v1/users/me", {
      phone: PHONE,
      verification_code: digits,
    });

    expect(proven.body).toMatchObject({ phone: PHONE, phone_verified: true });
    expect((await signIn(api, PASSWORD, PHONE)).status).toBe(200);
    expect(await call("PUT", "/api/v1/users/me", { verification_code: digits })).toMatchObject({
      status: 422,
      body: { issues: [{ path: "phone" }] },
    });
  });

  test("a new e-mail address has to be confirmed by the code that is mailed to it", async () => {
    const { api, call } = await startWithAnn();

    const { body } = await call("PUT", "/api/v1/users/me", { email: "Ann@New.example" });

    expect(body).toMatchObject({ email: "ann@new.example", email_verified: false });
    expect((await confirm(api, "ann@new.example")).status).toBe(200);
  });

  test("a confirmed e-mail address is replaced with the current password alone", async () => {
    const { api, call } = await startWithAnn({ LIMIT_SIGN_IN: "2/60" });
    await confirm(api, "ann@example.com");
    const change = (given: object) =>
      call("PUT", "/api/v1/users/me", { email: "ann@new.example", ...given });

    const without = await change({});
    const wrong = await change({ current_password: "not hers" });
    const same = await call("PUT", "/api/v1/users/me", { email: "ann@example.com" });
    const right = await change({ current_password: PASSWORD });

    expect(without).toMatchObject({
      status: 422,
      body: { issues: [{ path: "current_password" }] },
    });
    expect(wrong).toMatchObject({ status: 400, body: { code: "accounts/wrong-password" } });
    expect(same.status).toBe(200);
    expect(right).toMatchObject({ status: 200, body: { email: "ann@new.example" } });
    await confirm(api, "ann@new.example");
    await change({ email: "a@b.example", current_password: "guessed" });
    const guessed = await change({ email: "a@b.example", current_password: PASSWORD });
    expect(guessed.status).toBe(429);
  });

  test("is not for programs", async () => {
    const { api, ann } = await startWithAnn();
    const key = await makeKey(api, ann.access_token, { scopes: [], packages: undefined });
    const admin = await signIn(api);
    const good = await makeKey(api, admin.body.access_token);
    const headers = { "X-API-Key": good.body.key as string };

    const answer = await api.call(undefined, "PUT", "/api/v1/users/me", {
      json: { avatar: "a" },
      headers,
    });

    expect(key.status).toBe(422);
    expect(answer).toMatchObject({ status: 403, body: { code: "accounts/not-allowed" } });
  });
});

describe("PUT /api/v1/users/me/password", () => {
  test("sets a new one, and ends all other sessions", async () => {
    const { api, ann, call } = await startWithAnn();
    const other = (await signIn(api, PASSWORD, "ann")).body;

    const { status, body } = await call("PUT", "/api/v1/users/me/password", {
      current_password: PASSWORD,
      new_password: NEXT,
    });

    expect({ status, body }).toEqual({
      status: 200,
      body: { message: "Password changed", success: true },
    });
    expect((await listKeys(api, ann.access_token)).status).toBe(200);
    expect((await listKeys(api, other.access_token)).status).toBe(401);
    expect((await signIn(api, PASSWORD, "ann")).status).toBe(401);
    expect((await signIn(api, NEXT, "ann")).status).toBe(200);
  });

  test("needs the current one, which is guarded like a sign-in", async () => {
    const { call } = await startWithAnn({ LIMIT_SIGN_IN: "2/60" });
    const guess = () =>
      call("PUT", "/api/v1/users/me/password", {
        current_password: "wrong horse",
        new_password: NEXT,
      });

    expect(await guess()).toMatchObject({
      status: 400,
      body: { code: "accounts/wrong-password" },
    });
    await guess();

    expect((await guess()).status).toBe(429);
  });

  test("refuses one that is known from a breach", async () => {
    const { api, call } = await startWithAnn();
    api.services.passwords.isBreached = () => true;

    const answer = await call("PUT", "/api/v1/users/me/password", {
      current_password: PASSWORD,
      new_password: "iloveyou",
    });

    expect(answer).toMatchObject({ status: 422, body: { issues: [{ path: "new_password" }] } });
  });
});

describe("POST /api/v1/auth/reset-password", () => {
  test("sets a new password by a code to a proven phone, and ends every session", async () => {
    const { api, ann } = await startWithAnn();
    await Account.update({ phone: PHONE }, { where: { username: "ann" } });
    const digits = await askForCode(api, { phone: PHONE });

    const json = { phone: PHONE, verification_code: digits, password: NEXT };
    const { status } = await reset(api, json);

    expect(status).toBe(200);
    expect((await listKeys(api, ann.access_token)).status).toBe(401);
    expect((await refresh(api, ann.refresh_token)).status).toBe(401);
    expect((await signIn(api, NEXT, "ann")).status).toBe(200);
    expect(await reset(api, json)).toMatchObject({
      status: 400,
      body: { detail: "验证码无效或已过期" },
    });
  });

  test("by mail needs a confirmed address", async () => {
    const { api } = await startWithAnn();
    const email = "ann@example.com";
    const early = { email, verification_code: await digitsTo(api, email), password: NEXT };
    expect((await reset(api, early)).status).toBe(400);
    await confirm(api, email);
    await forgetGap();
    const digits = await askForCode(api, { email });

    const { status } = await reset(api, { email, verification_code: digits, password: NEXT });

    expect(status).toBe(200);
    expect((await signIn(api, NEXT, "ann")).status).toBe(200);
  });

  test("says of a phone that no account has nothing but that the code is wrong", async () => {
    const { api } = await startWithAnn();
    const digits = await askForCode(api, { phone: PHONE });

    const json = { phone: PHONE, verification_code: digits, password: NEXT };
    expect(await reset(api, json)).toMatchObject({
      status: 400,
      body: { code: "accounts/code-invalid" },
    });
  });
});

describe("GET /api/v1/auth/sessions", () => {
  test("lists where its owner is signed in, and nothing of others", async () => {
    const { api, call } = await startWithAnn();
    await signIn(api);
    await api.call(undefined, "POST", "/api/v1/auth/login", {
      json: { username: "ann", password: PASSWORD },
      headers: { "User-Agent": "Phone/1" },
    });

    const { status, body } = await call("GET", "/api/v1/auth/sessions");

    expect(status).toBe(200);
    expect(body).toMatchObject({
      items: [{ device: "Phone/1", address: "127.0.0.1", is_current: false }, { is_current: true }],
      next: null,
    });
    const [first] = (await call("GET", "/api/v1/auth/sessions?limit=1")).body.items;
    expect(first.device).toBe("Phone/1");
  });
});

describe("DELETE /api/v1/auth/sessions/:id", () => {
  test("ends one session, and leaves the others", async () => {
    const { api, ann, call } = await startWithAnn();
    const other = (await signIn(api, PASSWORD, "ann")).body;
    const [newest] = (await call("GET", "/api/v1/auth/sessions")).body.items;

    const { status } = await call("DELETE", `/api/v1/auth/sessions/${newest.id}`);

    expect(status).toBe(200);
    expect((await listKeys(api, other.access_token)).status).toBe(401);
    expect((await listKeys(api, ann.access_token)).status).toBe(200);
    expect((await call("DELETE", `/api/v1/auth/sessions/${newest.id}`)).status).toBe(404);
  });

  test("does not know the sessions of others", async () => {
    const { api, call } = await startWithAnn();
    const admin = (await signIn(api)).body;
    const session = await Session.findOne({
      where: { accountId: admin.user.id },
      rejectOnEmpty: true,
    });

    expect(await call("DELETE", `/api/v1/auth/sessions/${session.id}`)).toMatchObject({
      status: 404,
      body: { code: "accounts/session-not-found" },
    });
    expect((await listKeys(api, admin.access_token)).status).toBe(200);
  });
});

describe("DELETE /api/v1/auth/sessions", () => {
  test("ends all sessions of who asks, and nobody else's", async () => {
    const { api, ann, call } = await startWithAnn();
    const admin = (await signIn(api)).body;
    await signIn(api, PASSWORD, "ann");

    const { body } = await call("DELETE", "/api/v1/auth/sessions");

    expect(body).toEqual({ message: "Sessions ended", success: true, ended: 2 });
    expect((await listKeys(api, ann.access_token)).status).toBe(401);
    expect((await listKeys(api, admin.access_token)).status).toBe(200);
  });
});
