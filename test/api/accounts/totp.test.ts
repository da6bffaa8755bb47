import { describe, expect, test } from "vitest";
import { AuditEntry } from "../../../models/operations.ts";
import { RecoveryCode, setPassword, TotpSecret } from "../../../models/accounts.ts";
import {
  bearer,
  makeKey,
  makePerson,
  PASSWORD,
  signIn,
  startWithAdmin,
} from "../../support/accounts.ts";
import type { StartedApi } from "../../support/api.ts";
import { callAuth, digitsOf, turnOnTotp } from "../../support/totp.ts";

const WIDE = { LIMIT_SIGN_IN: "100/60" };

const signInWith = (api: StartedApi, totp: string) =>
  api.call(undefined, "POST", "/api/v1/auth/login", {
    json: { username: "admin", password: PASSWORD, totp },
  });

const answer = (api: StartedApi, challenge: string, totp: string) =>
  api.call(undefined, "POST", "/api/v1/auth/challenge", { json: { challenge, totp } });

async function started(env: Record<string, string> = WIDE) {
  const api = await startWithAdmin({ env });
  const token = (await signIn(api)).body.access_token as string;
  return { api, token };
}

describe("GET /api/v1/auth/totp", () => {
  test("says whether it is on, and how many recovery codes are left", async () => {
    const { api, token } = await started();
    const before = await callAuth(api, token, "totp");
    const { codes } = await turnOnTotp(api, token);
    await signInWith(api, codes[0]!);

    expect(before.body).toEqual({ enabled: false, required: false, recovery_codes_left: 0 });
    expect((await callAuth(api, token, "totp")).body).toEqual({
      enabled: true,
      required: false,
      recovery_codes_left: 9,
    });
  });

  test("is for people, not for their keys", async () => {
    const { api, token } = await started();
    const { key } = (await makeKey(api, token)).body as { key: string };

    const { status } = await api.call(undefined, "GET", "/api/v1/auth/totp", {
      headers: { "X-API-Key": key },
    });

    expect(status).toBe(403);
  });
});

describe("POST /api/v1/auth/totp", () => {
  test("gives a secret, as text, address and picture, that does not count yet", async () => {
    const { api, token } = await started();

    const { status, body } = await callAuth(api, token, "totp", { password: PASSWORD });

    expect(status).toBe(201);
    expect(body.secret).toMatch(/^[A-Z2-7]{32}$/);
    expect(body.otpauth_url).toBe(
      `otpauth://totp/Longhaul:admin?secret=${body.secret}&issuer=Longhaul`,
    );
    expect(body.qr_svg).toMatch(/^<svg /);
    expect((await signIn(api)).status).toBe(200);
  });

  test("asks for the password, and counts wrong ones", async () => {
    const { api, token } = await started({ LIMIT_SIGN_IN: "2/60" });
    const begin = () => callAuth(api, token, "totp", { password: "wrong" });

    const answers = [await begin(), await begin(), await begin()];

    expect(answers.map(({ status }) => status)).toEqual([400, 400, 429]);
    expect(answers[0]!.body.code).toBe("accounts/wrong-password");
  });

  test("keeps the secret sealed", async () => {
    const { api, token } = await started();

    const { secret } = await turnOnTotp(api, token);

    const row = await TotpSecret.findOne({ rejectOnEmpty: true });
    expect(row.sealed).toMatch(/^v1\./);
    expect(JSON.stringify(row)).not.toContain(secret);
    expect(JSON.stringify(api.logged)).not.toContain(secret);
  });

  test("is refused while it is on", async () => {
    const { api, token } = await started();
    await turnOnTotp(api, token);

    expect(await callAuth(api, token, "totp", { password: PASSWORD })).toMatchObject({
      status: 409,
      body: { code: "accounts/totp-on" },
    });
  });
});

describe("POST /api/v1/auth/totp/confirm", () => {
  test("turns it on and shows ten recovery codes, of which only digests are kept", async () => {
    const { api, token } = await started();

    const { codes } = await turnOnTotp(api, token);

    expect(new Set(codes).size).toBe(10);
    const rows = JSON.stringify(await RecoveryCode.findAll());
    for (const code of codes) expect(rows).not.toContain(code);
  });

  test("refuses digits that are not the app's, and who has not begun", async () => {
    const { api, token } = await started();
    const early = await callAuth(api, token, "totp/confirm", { totp: "123456" });
    const { secret } = (await callAuth(api, token, "totp", { password: PASSWORD })).body;

    const wrong = await callAuth(api, token, "totp/confirm", { totp: digitsOf(secret, 40) });

    expect(early).toMatchObject({ status: 409, body: { code: "accounts/totp-not-begun" } });
    expect(wrong).toMatchObject({ status: 401, body: { code: "auth/totp-invalid" } });
    expect((await signIn(api)).status).toBe(200);
  });
});

describe("a sign-in where the second proof is on", () => {
  test("needs digits of the app, and takes them once", async () => {
    const { api, token } = await started();
    const { secret } = await turnOnTotp(api, token);
    const totp = digitsOf(secret, 1);

    const without = await signIn(api);
    const once = await signInWith(api, totp);
    const twice = await signInWith(api, totp);
    const before = await signInWith(api, digitsOf(secret));

    expect(without).toMatchObject({ status: 401, body: { code: "auth/totp-required" } });
    expect(without.headers.get("WWW-Authenticate")).toBe("Bearer");
    expect(once.status).toBe(200);
    expect(twice).toMatchObject({ status: 401, body: { code: "auth/totp-invalid" } });
    expect(before.status).toBe(401);
  });

  test("takes the same digits from one of many who send them at once", async () => {
    const { api, token } = await started();
    const { secret } = await turnOnTotp(api, token);
    const totp = digitsOf(secret, 1);

    const answers = await Promise.all(Array.from({ length: 8 }, () => signInWith(api, totp)));

    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  test("takes a recovery code once, however it is spelled", async () => {
    const { api, token } = await started();
    const { codes } = await turnOnTotp(api, token);
    const spelled = codes[0]!.toLowerCase().replaceAll("-", " ");

    expect((await signInWith(api, spelled)).status).toBe(200);
    expect((await signInWith(api, codes[0]!)).status).toBe(401);
    const actions = (await AuditEntry.findAll()).map(({ action }) => action);
    expect(actions.filter((action) => action === "accounts.recovery-code-used")).toHaveLength(1);
  });

  test("says nothing of it to who does not know the password", async () => {
    const { api, token } = await started();
    await turnOnTotp(api, token);

    expect(await signIn(api, "wrong password")).toMatchObject({
      status: 401,
      body: { code: "accounts/bad-credentials" },
    });
  });

  test("is not guessed: tries are counted for the account before they are judged", async () => {
    const { api, token } = await started({ LIMIT_SIGN_IN: "3/60" });
    const { secret } = await turnOnTotp(api, token);
    const wrong = digitsOf(secret, 40);

    const answers = await Promise.all(Array.from({ length: 6 }, () => signInWith(api, wrong)));

    // The digits that turned it on were the first try.
    const of = (status: number) => answers.filter((one) => one.status === status).length;
    expect([of(401), of(429)]).toEqual([2, 4]);
  });
});

describe("POST /api/v1/auth/challenge", () => {
  test("finishes a sign-in that lacks its second proof", async () => {
    const { api, token } = await started();
    const { secret } = await turnOnTotp(api, token);
    const { challenge, expires_in } = (await signIn(api)).body;

    const wrong = await answer(api, challenge, digitsOf(secret, 40));
    const right = await answer(api, challenge, digitsOf(secret, 1));

    expect(expires_in).toBe(300);
    expect(wrong).toMatchObject({ status: 401, body: { code: "auth/totp-invalid" } });
    expect(right).toMatchObject({ status: 200, body: { user: { username: "admin" } } });
  });

  test("takes no challenge that is forged, or older than the password", async () => {
    const { api, token } = await started();
    const { secret } = await turnOnTotp(api, token);
    const { challenge } = (await signIn(api)).body as { challenge: string };
    const [account, expires, signature] = challenge.split(".");
    const forged = [
      `${account}.${Number(expires) + 600}.${signature}`,
      `${account}.${expires}.${signature!.slice(1)}A`,
      `${account}`,
      "..",
    ];

    for (const one of forged) {
      expect(await answer(api, one, digitsOf(secret, 1))).toMatchObject({
        status: 401,
        body: { code: "accounts/challenge-invalid" },
      });
    }
    await setPassword(api.services.database, account!, "another hash", null);
    expect((await answer(api, challenge, digitsOf(secret, 1))).status).toBe(401);
  });

  test("counts challenges that are made up", async () => {
    const { api } = await started({ LIMIT_TOKENS: "2/60" });

    const answers = [];
    for (let n = 0; n < 3; n++) answers.push(await answer(api, "made.1.up", "123456"));

    expect(answers.map(({ status }) => status)).toEqual([401, 401, 429]);
  });
});

describe("POST /api/v1/auth/totp/recovery-codes", () => {
  test("gives new codes for both proofs; the old ones are dead", async () => {
    const { api, token } = await started();
    const { secret, codes } = await turnOnTotp(api, token);
    const given = { password: PASSWORD, totp: digitsOf(secret, 1) };

    const renewed = await callAuth(api, token, "totp/recovery-codes", given);

    const fresh = renewed.body.recovery_codes as string[];
    expect(fresh).toHaveLength(10);
    expect((await signInWith(api, codes[0]!)).status).toBe(401);
    expect((await signInWith(api, fresh[0]!)).status).toBe(200);
  });

  test("is refused where it is off", async () => {
    const { api, token } = await started();
    const given = { password: PASSWORD, totp: "123456" };

    expect(await callAuth(api, token, "totp/recovery-codes", given)).toMatchObject({
      status: 409,
      body: { code: "accounts/totp-off" },
    });
  });
});

describe("POST /api/v1/auth/totp/disable", () => {
  test("turns it off for both proofs, and for one of them alone does not", async () => {
    const { api, token } = await started();
    const { codes, secret } = await turnOnTotp(api, token);
    const off = (password: string, totp: string) =>
      callAuth(api, token, "totp/disable", { password, totp });

    const wrongPassword = await off("wrong", codes[0]!);
    const wrongDigits = await off(PASSWORD, digitsOf(secret, 40));
    const right = await off(PASSWORD, codes[0]!);

    expect([wrongPassword.status, wrongDigits.status, right.status]).toEqual([400, 401, 200]);
    expect((await signIn(api)).status).toBe(200);
    expect([await TotpSecret.count(), await RecoveryCode.count()]).toEqual([0, 0]);
  });
});

describe("DELETE /api/v1/admin/users/:id/totp", () => {
  test("lets whoever lost their second proof in again, by their password, and ends what was open", async () => {
    const { api, token } = await started();
    const ann = await makePerson(api);
    const reset = (id: string) =>
      api.call(undefined, "DELETE", `/api/v1/admin/users/${id}/totp`, { headers: bearer(token) });
    await turnOnTotp(api, ann.token);
    await turnOnTotp(api, token);
    const { id: own } = (await callAuth(api, token, "../users/me")).body;

    const done = await reset(ann.id);

    expect([done.status, (await reset(ann.id)).body.code]).toEqual([200, "accounts/totp-off"]);
    expect([await TotpSecret.count(), await RecoveryCode.count()]).toEqual([1, 10]);
    expect((await callAuth(api, ann.token, "totp")).status).toBe(401);
    expect((await signIn(api, PASSWORD, ann.username)).status).toBe(200);
    const [entry] = await AuditEntry.findAll({ where: { action: "accounts.totp-reset" } });
    expect(entry).toMatchObject({ actorName: "admin", subjectId: ann.id, after: { sessions: 1 } });
    expect((await reset(own)).body.code).toBe("accounts/own-account");
    expect((await reset("nobody")).status).toBe(404);
  });
});

describe("ADMIN_TOTP_REQUIRED", () => {
  test("leaves administrators nothing but their own things until it is on", async () => {
    const { api, token } = await started({ ...WIDE, ADMIN_TOTP_REQUIRED: "on" });
    const list = () => api.call(undefined, "GET", "/api/v1/audit", { headers: bearer(token) });
    const before = await list();
    const key = await makeKey(api, token);

    await turnOnTotp(api, token);

    expect(before).toMatchObject({ status: 403, body: { code: "auth/totp-setup-required" } });
    expect(key.status).toBe(422);
    expect((await list()).status).toBe(200);
    expect((await callAuth(api, token, "totp")).body.required).toBe(true);
  });
});
