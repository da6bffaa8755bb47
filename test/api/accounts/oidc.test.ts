import { describe, expect, test } from "vitest";
import { Account, OidcIdentity, OidcState } from "../../../models/accounts.ts";
import { AuditEntry } from "../../../models/operations.ts";
import { bearer, PASSWORD, signIn } from "../../support/accounts.ts";
import { NOBODY, startApi, type StartedApi } from "../../support/api.ts";
import { makePerson } from "../../support/federation.ts";
import { type OidcProvider, type OidcUser, startOidc } from "../../support/stand-ins/oidc.ts";
import { digitsOf, turnOnTotp } from "../../support/totp.ts";

const ANN: OidcUser = {
  sub: "ann-1",
  email: "Ann@Example.com",
  email_verified: true,
  preferred_username: "ann.o",
};

async function started(env: Record<string, string> = {}) {
  const oidc = await startOidc();
  const api = await startApi({ env: { LIMIT_SIGN_IN: "100/60", ...oidc.env, ...env } });
  return { api, oidc };
}

const start = (api: StartedApi) => api.call(NOBODY, "POST", "/api/v1/auth/oidc/start");
const finish = (api: StartedApi, json: object) =>
  api.call(NOBODY, "POST", "/api/v1/auth/oidc/callback", { json });

/** What a page posts when `user` comes back from the provider. */
async function ledBack(api: StartedApi, oidc: OidcProvider, user: OidcUser) {
  const { authorization_url, login_token } = (await start(api)).body;
  return { ...(await oidc.agree(authorization_url, user)), login_token: login_token as string };
}

const signInBy = async (api: StartedApi, oidc: OidcProvider, user: OidcUser) =>
  finish(api, await ledBack(api, oidc, user));

const tokenOf = async (api: StartedApi, { username }: Account) =>
  (await signIn(api, PASSWORD, username)).body.access_token as string;

async function link(api: StartedApi, oidc: OidcProvider, token: string, user: OidcUser) {
  const json = await ledBack(api, oidc, user);
  return api.call(NOBODY, "POST", "/api/v1/auth/oidc/link", { json, headers: bearer(token) });
}

describe("POST /api/v1/auth/oidc/start", () => {
  test("says where to lead people, and keeps no secret in clear", async () => {
    const { api, oidc } = await started();

    const { status, body } = await start(api);

    expect(status).toBe(200);
    expect(body).toMatchObject({ expires_in: 600 });
    const { state } = await oidc.agree(body.authorization_url, ANN);
    const kept = JSON.stringify([await OidcState.findAll(), api.logged]);
    expect(kept).not.toContain(state);
    expect(kept).not.toContain(body.login_token);
  });

  test("is 503 where no provider is configured", async () => {
    const api = await startApi();

    expect(await start(api)).toMatchObject({
      status: 503,
      body: { code: "accounts/oidc-not-configured" },
    });
  });

  test("is 503 while the provider gives no answer", async () => {
    const { api, oidc } = await started();
    oidc.fail(502);

    const away = await start(api);

    expect(away).toMatchObject({ status: 503, body: { code: "accounts/oidc-away" } });
  });
});

describe("POST /api/v1/auth/oidc/callback", () => {
  test("registers whoever is unknown, and knows them again by subject alone", async () => {
    const { api, oidc } = await started();

    const first = await signInBy(api, oidc, ANN);
    const again = await signInBy(api, oidc, { sub: ANN.sub });

    expect(first.status).toBe(200);
    expect(first.body.user).toMatchObject({ email: "ann@example.com", email_verified: true });
    expect(first.body.user.username).toMatch(/^anno_[0-9a-f]{12}$/);
    expect(first.body.access_token).toEqual(expect.any(String));
    expect(again.body.user.id).toBe(first.body.user.id);
    expect(await Account.count()).toBe(1);
  });

  test.each([ANN, { sub: "nameless" }])(
    "makes one account of one person who comes often at the same moment: %o",
    async (user) => {
      const { api, oidc } = await started();
      const returns = await Promise.all(Array.from({ length: 5 }, () => ledBack(api, oidc, user)));

      const answers = await Promise.all(returns.map((json) => finish(api, json)));

      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
      expect(new Set(answers.map(({ body }) => body.user.id as string)).size).toBe(1);
      expect([await Account.count(), await OidcIdentity.count()]).toEqual([1, 1]);
    },
  );

  test("asks for what the ID token does not tell", async () => {
    const { api, oidc } = await started();
    oidc.isSilent = true;

    const { body } = await signInBy(api, oidc, ANN);

    expect(body.user.email).toBe("ann@example.com");
  });

  test("links the account whose address both sides have verified", async () => {
    const { api, oidc } = await started();
    const ann = await makePerson(api, { email: "ann@example.com", emailVerifiedAt: new Date() });

    const { status, body } = await signInBy(api, oidc, ANN);

    expect(status).toBe(200);
    expect(body.user.id).toBe(ann.id);
    expect(await AuditEntry.count({ where: { action: "accounts.oidc-linked" } })).toBe(1);
  });

  test("takes no account by an address that one side has not verified", async () => {
    const { api, oidc } = await started();
    const claimed = { email: "ann@example.com", emailClaimedAt: new Date() };
    const ann = await makePerson(api, claimed);

    const claimedHere = await signInBy(api, oidc, ANN);
    await ann.update({ emailVerifiedAt: new Date() });
    const claimedThere = await signInBy(api, oidc, { ...ANN, sub: "eve", email_verified: false });

    expect(claimedHere).toMatchObject({
      status: 409,
      body: { code: "accounts/oidc-email-claimed" },
    });
    expect(claimedThere.status).toBe(200);
    expect(claimedThere.body.user).toMatchObject({ email: null });
    expect(claimedThere.body.user.id).not.toBe(ann.id);
  });

  test("is worth nothing without what whoever began keeps", async () => {
    const { api, oidc } = await started();
    const hers = await ledBack(api, oidc, ANN);
    const his = (await start(api)).body.login_token as string;

    const swapped = await finish(api, { ...hers, login_token: his });
    const madeUp = await finish(api, { ...hers, login_token: "lh_login_none" });

    expect(swapped).toMatchObject({ status: 400, body: { code: "accounts/oidc-refused" } });
    expect(madeUp).toMatchObject({ status: 400, body: { code: "accounts/oidc-session-ended" } });
    expect(await Account.count()).toBe(0);
  });

  test("is good once, also for many at the same time, and in time", async () => {
    const { api, oidc } = await started();
    const json = await ledBack(api, oidc, ANN);

    const answers = await Promise.all(Array.from({ length: 4 }, () => finish(api, json)));
    const late = await ledBack(api, oidc, ANN);
    await OidcState.update({ expiresAt: new Date() }, { where: {} });

    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect((await finish(api, late)).body.code).toBe("accounts/oidc-session-ended");
  });

  test.each([
    ["another nonce", { claims: { nonce: "another" } }],
    ["another audience", { claims: { aud: "another" } }],
    ["another issuer", { claims: { iss: "https://evil.example.test" } }],
    ["a time that is over", { claims: { exp: 1 } }],
    ["another key", { otherKey: true }],
  ])("believes no ID token with %s", async (_, change) => {
    const { api, oidc } = await started();
    oidc.forge(change);

    expect(await signInBy(api, oidc, ANN)).toMatchObject({
      status: 400,
      body: { code: "accounts/oidc-refused" },
    });
    expect(await Account.count()).toBe(0);
  });

  test("believes no other issuer that leads back", async () => {
    const { api, oidc } = await started();
    const json = await ledBack(api, oidc, ANN);

    const { status } = await finish(api, { ...json, iss: "https://evil.example.test" });

    expect(status).toBe(400);
  });

  test("counts returns that are made up", async () => {
    const { api } = await started({ LIMIT_TOKENS: "2/60" });
    const json = { code: "c", state: "s", login_token: "lh_login_none" };

    const answers = [await finish(api, json), await finish(api, json), await finish(api, json)];

    expect(answers.map(({ status }) => status)).toEqual([400, 400, 429]);
  });

  test("leaves whoever has a second proof with a challenge, and closed accounts outside", async () => {
    const { api, oidc } = await started();
    const ann = await makePerson(api, { email: "ann@example.com", emailVerifiedAt: new Date() });
    const { secret } = await turnOnTotp(api, await tokenOf(api, ann));

    const asked = await signInBy(api, oidc, ANN);
    const json = { challenge: asked.body.challenge as string, totp: digitsOf(secret, 1) };
    const answered = await api.call(NOBODY, "POST", "/api/v1/auth/challenge", { json });
    await ann.update({ isActive: false });
    const closed = await signInBy(api, oidc, ANN);

    expect(asked).toMatchObject({ status: 401, body: { code: "auth/totp-required" } });
    expect(answered.status).toBe(200);
    expect(closed).toMatchObject({ status: 401, body: { code: "accounts/bad-credentials" } });
  });
});

describe("POST /api/v1/auth/oidc/link", () => {
  test("links an OpenID to the account, which then signs in", async () => {
    const { api, oidc } = await started();
    const person = await makePerson(api);
    const token = await tokenOf(api, person);

    const once = await link(api, oidc, token, ANN);
    const twice = await link(api, oidc, token, ANN);

    expect([once.status, twice.status]).toEqual([200, 200]);
    expect((await signInBy(api, oidc, ANN)).body.user.id).toBe(person.id);
  });

  test("refuses one that is another account's, and a second one", async () => {
    const { api, oidc } = await started();
    const token = await tokenOf(api, await makePerson(api));
    const other = await tokenOf(api, await makePerson(api));
    await link(api, oidc, token, ANN);

    expect(await link(api, oidc, other, ANN)).toMatchObject({
      status: 409,
      body: { code: "accounts/oidc-taken" },
    });
    expect(await link(api, oidc, token, { sub: "bob" })).toMatchObject({
      status: 409,
      body: { code: "accounts/oidc-other" },
    });
  });
});

describe("DELETE /api/v1/auth/oidc/link", () => {
  test("takes the OpenID from the account", async () => {
    const { api, oidc } = await started();
    const token = await tokenOf(api, await makePerson(api));
    await link(api, oidc, token, ANN);
    const unlink = () =>
      api.call(NOBODY, "DELETE", "/api/v1/auth/oidc/link", { headers: bearer(token) });

    expect([(await unlink()).status, (await unlink()).status]).toEqual([200, 404]);
    expect(await OidcIdentity.count()).toBe(0);
  });
});
