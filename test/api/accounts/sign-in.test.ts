import { hash as argon2 } from "@node-rs/argon2";
import { describe, expect, test } from "vitest";
import { Account, Session } from "../../../models/accounts.ts";
import { AuditEntry } from "../../../models/operations.ts";
import { createAccessTokens } from "../../../platform/access-tokens.ts";
import { makeSecret, newId } from "../../../platform/crypto.ts";
import {
  listKeys,
  makeKey,
  PASSWORD,
  refresh,
  signIn,
  signOut,
  startWithAdmin,
} from "../../support/accounts.ts";

describe("POST /api/v1/auth/login", () => {
  test("signs in with the fields of the client contract", async () => {
    const api = await startWithAdmin();

    const { status, body, headers } = await signIn(api);

    expect(status).toBe(200);
    expect(Object.keys(body).sort()).toEqual(
      ["access_token", "expires_in", "refresh_token", "token_type", "user"].sort(),
    );
    expect(body).toMatchObject({
      token_type: "bearer",
      expires_in: 1800,
      user: {
        username: "admin",
        email: null,
        email_verified: false,
        phone: null,
        phone_verified: false,
        avatar: null,
        balance: 0,
        member_level: 0,
        is_active: true,
      },
    });
    expect(Object.keys(body.user)).toHaveLength(12);
    expect(Date.parse(body.user.last_login_at)).toBeGreaterThan(Date.now() - 60_000);
    expect(headers.get("Cache-Control")).toBe("no-store");
    expect((await listKeys(api, body.access_token)).status).toBe(200);
  });

  test("answers the same for a wrong password, an unknown name and a switched-off account", async () => {
    const api = await startWithAdmin();
    const wrong = await signIn(api, "wrong horse");
    const unknown = await signIn(api, PASSWORD, "nobody");
    await Account.update({ isActive: false }, { where: { username: "admin" } });
    const off = await signIn(api);

    for (const { status, body, headers } of [wrong, unknown, off]) {
      expect(status).toBe(401);
      expect(body).toMatchObject({
        detail: "Incorrect email or password",
        code: "accounts/bad-credentials",
      });
      expect(headers.get("WWW-Authenticate")).toBe("Bearer");
    }
  });

  test("names every field that is wrong", async () => {
    const api = await startWithAdmin();

    const { status, body } = await api.call(undefined, "POST", "/api/v1/auth/login", {
      json: { username: "ab", password: 7, more: true },
    });

    expect(status).toBe(422);
    expect(body.issues.map(({ path }: { path: string }) => path).sort()).toEqual([
      "more",
      "password",
      "username",
    ]);
  });

  test("refuses further guesses after too many failures, also the right one, and says when to come back", async () => {
    const api = await startWithAdmin({ env: { LIMIT_SIGN_IN: "3/60" } });
    for (let n = 0; n < 3; n++) expect((await signIn(api, "wrong horse")).status).toBe(401);

    const { status, body, headers } = await signIn(api);

    expect(status).toBe(429);
    expect(body.code).toBe("request/too-many");
    expect(headers.get("Retry-After")).toMatch(/^[1-9]\d?$/);
    expect(body.detail).toBe(`登录请求过于频繁,请在 ${headers.get("Retry-After")} 秒后重试`);
    expect(headers.get("X-RateLimit-Limit")).toBe("3");
    expect(headers.get("X-RateLimit-Remaining")).toBe("0");
    expect(Number(headers.get("X-RateLimit-Reset"))).toBeGreaterThan(Date.now() / 1000);
  });

  test("counts failures that come at the same time, each of them", async () => {
    const api = await startWithAdmin({ env: { LIMIT_SIGN_IN: "3/60" } });

    const answers = await Promise.all(Array.from({ length: 12 }, () => signIn(api, "wrong horse")));

    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(3);
    expect(statuses.filter((status) => status === 429)).toHaveLength(9);
  });

  test("counts failures for the address, whatever account it guesses at, and locks out no other address", async () => {
    const api = await startWithAdmin({ env: { LIMIT_SIGN_IN: "2/60", TRUST_PROXY: "1" } });
    const from = (address: string, username: string, password: string) =>
      api.call(undefined, "POST", "/api/v1/auth/login", {
        json: { username, password },
        headers: { "X-Forwarded-For": address },
      });
    for (const name of ["admin", "nobody"]) await from("192.0.2.1", name, "wrong horse");

    expect((await from("192.0.2.1", "somebody", PASSWORD)).status).toBe(429);
    expect((await from("192.0.2.1", "admin", PASSWORD)).status).toBe(429);
    expect((await from("192.0.2.2", "admin", PASSWORD)).status).toBe(200);
  });

  test("a success neither counts nor forgives the failures before it", async () => {
    const api = await startWithAdmin({ env: { LIMIT_SIGN_IN: "2/60" } });
    const together = await Promise.all(Array.from({ length: 5 }, () => signIn(api)));
    expect(together.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);

    expect((await signIn(api, "wrong horse")).status).toBe(401);
    expect((await signIn(api)).status).toBe(200);
    expect((await signIn(api, "wrong horse")).status).toBe(401);

    expect((await signIn(api)).status).toBe(429);
  });

  test("gives an old hash today's strength at the next sign-in", async () => {
    const api = await startWithAdmin();
    const weak = await argon2(PASSWORD, { memoryCost: 8192, timeCost: 1, parallelism: 1 });
    await Account.update({ passwordHash: weak }, { where: { username: "admin" } });

    const { body } = await signIn(api);

    const admin = await Account.findOne({ where: { username: "admin" }, rejectOnEmpty: true });
    expect(admin.passwordHash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect((await listKeys(api, body.access_token)).status).toBe(200);
    expect((await signIn(api)).status).toBe(200);
  });

  test("leaves an audit entry, and no secret in any row or log", async () => {
    const api = await startWithAdmin();

    const { body } = await signIn(api);
    const key = await makeKey(api, body.access_token);

    const entry = await AuditEntry.findOne({ where: { action: "accounts.signed-in" } });
    expect(entry).toMatchObject({ actorName: "admin", subjectId: body.user.id });
    const rows = await Promise.all(
      Object.values(api.services.database.sequelize.models).map((model) => model.findAll()),
    );
    const written = JSON.stringify([rows, api.logged]);
    for (const secret of [PASSWORD, body.access_token, body.refresh_token, key.body.key]) {
      expect(written).not.toContain(secret);
    }
  });
});

describe("POST /api/v1/auth/refresh", () => {
  test("gives new tokens each time, and the old refresh token is dead", async () => {
    const api = await startWithAdmin();
    const first = (await signIn(api)).body;

    const second = await refresh(api, first.refresh_token);

    expect(second.status).toBe(200);
    expect(Object.keys(second.body).sort()).toEqual(
      ["access_token", "expires_in", "refresh_token", "token_type"].sort(),
    );
    expect(second.body.refresh_token).not.toBe(first.refresh_token);
    expect((await listKeys(api, second.body.access_token)).status).toBe(200);
  });

  test("a second use of a refresh token ends the session: every token of it is dead", async () => {
    const api = await startWithAdmin();
    const first = (await signIn(api)).body;
    const second = (await refresh(api, first.refresh_token)).body;

    const reuse = await refresh(api, first.refresh_token);

    expect(reuse).toMatchObject({ status: 401, body: { detail: "Invalid refresh token" } });
    expect((await refresh(api, second.refresh_token)).status).toBe(401);
    expect((await listKeys(api, first.access_token)).status).toBe(401);
    expect((await listKeys(api, second.access_token)).status).toBe(401);
  });

  test("of many uses at once exactly one succeeds, and then the session is over", async () => {
    const api = await startWithAdmin();
    const { refresh_token: token } = (await signIn(api)).body;

    const answers = await Promise.all(Array.from({ length: 10 }, () => refresh(api, token)));

    const winners = answers.filter(({ status }) => status === 200);
    expect(winners).toHaveLength(1);
    expect((await refresh(api, winners[0]!.body.refresh_token)).status).toBe(401);
  });

  test("says what is wrong in the words of the client contract", async () => {
    const api = await startWithAdmin();
    const { access_token: access, refresh_token: token } = (await signIn(api)).body;
    const cases: [string, string][] = [
      ["nonsense", "Invalid refresh token"],
      [access, "Invalid token type"],
      [makeSecret("refresh").secret, "Refresh token not found"],
    ];
    for (const [given, detail] of cases) {
      expect(await refresh(api, given)).toMatchObject({
        status: 401,
        body: { code: "accounts/refresh-invalid", detail },
      });
    }

    await Session.update({ expiresAt: new Date(0) }, { where: {} });

    expect(await refresh(api, token)).toMatchObject({
      status: 401,
      body: { detail: "Refresh token expired" },
    });
  });

  test("says so when the account is gone or switched off", async () => {
    const api = await startWithAdmin();
    const { refresh_token: token } = (await signIn(api)).body;
    await Account.update({ isActive: false }, { where: {} });

    expect(await refresh(api, token)).toMatchObject({
      status: 401,
      body: { detail: "User not found or inactive" },
    });
  });
});

describe("POST /api/v1/auth/logout", () => {
  test("ends the session and all its tokens at once", async () => {
    const api = await startWithAdmin();
    const { access_token: access, refresh_token: token } = (await signIn(api)).body;
    expect((await listKeys(api, access)).status).toBe(200);

    const { status, body } = await signOut(api, token);

    expect(status).toBe(200);
    expect(body).toEqual({ message: "Successfully logged out", success: true });
    expect(await listKeys(api, access)).toMatchObject({
      status: 401,
      body: { code: "accounts/not-signed-in", detail: "Could not validate credentials" },
    });
    expect((await refresh(api, token)).status).toBe(401);
  });

  test("leaves other sessions of the account alone", async () => {
    const api = await startWithAdmin();
    const [one, other] = [(await signIn(api)).body, (await signIn(api)).body];

    await signOut(api, one.refresh_token);

    expect((await listKeys(api, other.access_token)).status).toBe(200);
  });

  test("does not know a token that was never given, or has been used for it before", async () => {
    const api = await startWithAdmin();
    const { refresh_token: token } = (await signIn(api)).body;
    await signOut(api, token);

    for (const given of [token, makeSecret("refresh").secret, "nonsense"]) {
      expect(await signOut(api, given)).toMatchObject({
        status: 404,
        body: { code: "accounts/refresh-not-found", detail: "Refresh token not found" },
      });
    }
  });
});

describe("a token in the Authorization header", () => {
  test("is refused when it is missing, foreign, a refresh token, or of a session that never was", async () => {
    const api = await startWithAdmin();
    const { refresh_token: token, user } = (await signIn(api)).body;
    const { secretKey } = api.services;
    const forged = await createAccessTokens(secretKey).issue(
      { accountId: user.id, sessionId: newId() },
      60,
    );
    const foreign = await createAccessTokens(`${secretKey}.`).issue(
      { accountId: user.id, sessionId: newId() },
      60,
    );

    expect((await api.call(undefined, "GET", "/api/v1/api-keys")).status).toBe(401);
    for (const given of [forged, foreign, "nonsense"]) {
      expect(await listKeys(api, given)).toMatchObject({
        status: 401,
        body: { detail: "Could not validate credentials" },
      });
    }
    expect(await listKeys(api, token)).toMatchObject({
      status: 401,
      body: { detail: "Invalid token type" },
    });
  });

  test("is worth nothing once the account is switched off", async () => {
    const api = await startWithAdmin();
    const { access_token: access } = (await signIn(api)).body;
    expect((await listKeys(api, access)).status).toBe(200);

    await Account.update({ isActive: false }, { where: {} });

    expect((await listKeys(api, access)).status).toBe(401);
  });
});
