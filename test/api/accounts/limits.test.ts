import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { Route } from "../../../api/route.ts";
import { routes } from "../../../api/routes/index.ts";
import { makeSecret, newId } from "../../../platform/crypto.ts";
import { PASSWORD } from "../../support/accounts.ts";
import { NOBODY } from "../../support/api.ts";
import { startWithWechat } from "../../support/federation.ts";
import { startOidc } from "../../support/stand-ins/oidc.ts";

/** What a caller proves something by. Signatures of links are no such thing: 256 bits, bound to what they are for. */
const SECRET =
  /(^|_)(password|code|totp|challenge|secret|recovery)(_|$)|_token$|^token$|^scene_str$/;

const digits = { verification_code: "000000" };
const phone = "13800138000";

const refresh_token = () => makeSecret("refresh").secret;
const session_token = () => makeSecret("scene").secret;

/** A wrong secret for every public route that takes one: the body that holds it, or what its path holds. */
const GUESSES: Readonly<Record<string, () => object | string>> = {
  "GET /api/status/:code": () => "VIP-NOSUCHCARD",
  "GET /api/v1/wechat/poll/:scene_str": session_token,
  "POST /api/licence": () => ({ code: "VIP-NOSUCHCARD", machine_code: newId() }),
  "POST /api/v1/auth/challenge": () => ({ challenge: `${newId()}.9999999999.x`, totp: "000000" }),
  "POST /api/v1/auth/login": () => ({ username: "admin", password: "wrong horse" }),
  "POST /api/v1/auth/logout": () => ({ refresh_token: refresh_token() }),
  "POST /api/v1/auth/oidc/callback": () => ({
    code: "no code",
    state: "no state",
    login_token: session_token(),
  }),
  "POST /api/v1/auth/refresh": () => ({ refresh_token: refresh_token() }),
  "POST /api/v1/auth/register": () => ({ username: "ann", phone, ...digits, password: PASSWORD }),
  "POST /api/v1/auth/reset-password": () => ({ phone, ...digits, password: PASSWORD }),
  "POST /api/v1/auth/verify-email": () => ({ email: "ann@example.com", ...digits }),
  "POST /api/v1/wechat/bind-phone": () => ({ session_token: session_token(), phone, ...digits }),
  "POST /api/v1/wechat/callback": () => ({ code: "no code of WeChat" }),
  "POST /api/v1/wechat/link-account": () => ({
    session_token: session_token(),
    phone,
    password: PASSWORD,
  }),
  "POST /api/validate": () => ({ code: "VIP-NOSUCHCARD", machine_code: newId() }),
};

const taking = Object.values(routes).filter(
  ({ access, ...route }) =>
    access === "public" && fieldsOf(route).some((field) => SECRET.test(field)),
);
const titleOf = ({ method, path }: Pick<Route, "method" | "path">) =>
  `${method.toUpperCase()} ${path}`;

test("every public route that takes a secret is known here", () => {
  expect(taking.map(titleOf).sort()).toEqual(Object.keys(GUESSES));
});

describe.each(taking.map((route) => ({ title: titleOf(route), route })))(
  "guesses at $title",
  ({ title, route }) => {
    test("are refused with 429 and Retry-After when there are too many of one address, and of no other", async () => {
      const env = {
        LIMIT_SIGN_IN: "2/60",
        LIMIT_TOKENS: "2/60",
        LIMIT_CARD_GUESS: "2/60",
        LIMIT_REGISTER: "100/60",
        TRUST_PROXY: "1",
        DEV_MESSAGES: "on",
        ...(await startOidc()).env,
      };
      const { api } = await startWithWechat({ env });
      const guess = (address: string) => {
        const given = GUESSES[title]!();
        const headers = { "X-Forwarded-For": address };
        return typeof given === "string"
          ? api.call(NOBODY, "GET", route.path.replace(/:\w+/, given), { headers })
          : api.call(NOBODY, "POST", route.path, { json: given, headers });
      };

      const first = [await guess("192.0.2.1"), await guess("192.0.2.1")];
      const third = await guess("192.0.2.1");
      const other = await guess("192.0.2.2");

      for (const { status } of [...first, other]) expect([400, 401, 404]).toContain(status);
      expect(third.status).toBe(429);
      expect(Number(third.headers.get("Retry-After"))).toBeGreaterThan(0);
      expect(third.headers.get("X-RateLimit-Remaining")).toBe("0");
    });
  },
);

test.each(["/api/v1/wechat/qrcode", "/api/v1/auth/oidc/start"])(
  "sign-ins that are begun at %s are counted for each address",
  async (path) => {
    const env = { LIMIT_SIGN_IN_START: "2/60", TRUST_PROXY: "1", ...(await startOidc()).env };
    const { api } = await startWithWechat({ env });
    const begin = async (address: string) => {
      const json = path.endsWith("qrcode") ? { device_type: "pc" } : undefined;
      const headers = { "X-Forwarded-For": address };
      return (await api.call(NOBODY, "POST", path, { json, headers })).status;
    };

    const begun = [];
    for (const last of [1, 1, 1, 2]) begun.push(await begin(`192.0.2.${last}`));

    expect(begun).toEqual([200, 200, 429, 200]);
  },
);

/** The names of everything that a route takes in its path, query and body, in whatever form. */
function fieldsOf({ params, query, body }: Pick<Route, "params" | "query" | "body">): string[] {
  return [params, query, body].flatMap((schema: z.ZodType | undefined) =>
    schema ? namesIn(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" })) : [],
  );
}

function namesIn(schema: object): string[] {
  return Object.entries(schema).flatMap(([key, value]: [string, unknown]) => {
    if (typeof value !== "object" || value === null) return [];
    return key === "properties" ? [...Object.keys(value), ...namesIn(value)] : namesIn(value);
  });
}
