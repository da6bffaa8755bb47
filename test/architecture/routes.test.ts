import { describe, expect, test } from "vitest";
import { z } from "zod";
import { openApi } from "../../api/openapi.ts";
import type { Route } from "../../api/route.ts";
import { routes } from "../../api/routes/index.ts";
import { PERMISSIONS } from "../../domain/accounts.ts";
import { readVersion } from "../../platform/version.ts";
import { loadSource, readSource, sourceFiles } from "../support/sources.ts";

const titleOf = ({ method, path }: Route) => `${method.toUpperCase()} ${path}`;
const all = Object.entries(routes);

/** What anybody may ask without signing in. A route is added here on purpose or not at all. */
const PUBLIC = [
  "GET /",
  "GET /.well-known/card-keys.json",
  "GET /api/health",
  "GET /api/status/:code",
  "GET /api/v1/download/file/browser",
  "GET /api/v1/packages/:id/install",
  "GET /api/v1/packages/:id/install.plist",
  "GET /api/v1/packages/:id/qr.png",
  "GET /api/v1/packages/:id/qr.svg",
  "GET /api/v1/packages/:id/versions/:version/icon",
  "GET /api/v1/packages/:id/versions/:version/original",
  "GET /api/v1/wechat/poll/:scene_str",
  "GET /dist/:id/:file",
  "GET /dist/:id/v/:version/:file",
  "GET /docs",
  "GET /docs/:asset",
  "GET /health",
  "GET /live",
  "GET /metrics",
  "GET /openapi.json",
  "GET /ready",
  "GET /update/:id/:channel/:version",
  "GET /version",
  "POST /api/licence",
  "POST /api/v1/auth/challenge",
  "POST /api/v1/auth/login",
  "POST /api/v1/auth/logout",
  "POST /api/v1/auth/oidc/callback",
  "POST /api/v1/auth/oidc/start",
  "POST /api/v1/auth/refresh",
  "POST /api/v1/auth/register",
  "POST /api/v1/auth/reset-password",
  "POST /api/v1/auth/send-code",
  "POST /api/v1/auth/verify-email",
  "POST /api/v1/billing/alipay/notification",
  "POST /api/v1/wechat/bind-phone",
  "POST /api/v1/wechat/callback",
  "POST /api/v1/wechat/link-account",
  "POST /api/v1/wechat/qrcode",
  "POST /api/validate",
];

/** What changes something and needs no permission but being signed in: a caller's own things. */
const OWN = [
  "DELETE /api/v1/api-keys/:id",
  "DELETE /api/v1/auth/oidc/link",
  "DELETE /api/v1/auth/sessions",
  "DELETE /api/v1/auth/sessions/:id",
  "DELETE /api/v1/teams/:id",
  "DELETE /api/v1/teams/:id/invitations/:invitation",
  "DELETE /api/v1/teams/:id/members/:member",
  "DELETE /api/v1/wechat/unbind",
  "PATCH /api/v1/teams/:id",
  "PATCH /api/v1/teams/:id/members/:member",
  "POST /api/v1/api-keys",
  "POST /api/v1/auth/oidc/link",
  "POST /api/v1/auth/totp",
  "POST /api/v1/auth/totp/confirm",
  "POST /api/v1/auth/totp/disable",
  "POST /api/v1/auth/totp/recovery-codes",
  "POST /api/v1/invitations/:id/accept",
  "POST /api/v1/invitations/:id/decline",
  "POST /api/v1/teams",
  "POST /api/v1/teams/:id/invitations",
  "POST /api/v1/teams/:id/leave",
  "POST /api/v1/teams/:id/transfer",
  "POST /api/v1/users/recharge",
  "POST /api/v1/wechat/bind",
  "PUT /api/v1/api-keys/:id/packages",
  "PUT /api/v1/users/me",
  "PUT /api/v1/users/me/password",
];

test("the public routes are these and no others", () => {
  const open = all.filter(([, route]) => route.access === "public");

  expect(open.map(([, route]) => titleOf(route)).sort()).toEqual(PUBLIC);
});

test("whatever changes something needs a permission, but for a caller's own things", () => {
  const changing = all.filter(
    ([, { method, access }]) => method !== "get" && access === "signed-in",
  );

  expect(changing.map(([, route]) => titleOf(route)).sort()).toEqual(OWN);
});

test("no two routes share a method and path", () => {
  const titles = all.map(([, route]) => titleOf(route));

  expect(titles.filter((title, index) => titles.indexOf(title) !== index)).toEqual([]);
});

test("every route that a file of api/routes exports is served under its name", async () => {
  const missing: string[] = [];

  for (const file of sourceFiles(["api/routes"])) {
    for (const [name, value] of Object.entries(await loadSource(file))) {
      if (isRoute(value) && routes[name] !== value) missing.push(`${file}: ${name}`);
    }
  }

  expect(missing).toEqual([]);
});

describe.each(all.map(([name, route]) => ({ name, route, title: titleOf(route) })))(
  "$title",
  ({ name, route, title }) => {
    test("says who may call, what it is for and what it answers", () => {
      expect(["public", "signed-in", ...PERMISSIONS]).toContain(route.access);
      expect(route.summary).toMatch(/^[A-Z][^\n]{5,120}[^.\s]$/);
      expect(name).toMatch(/^[a-z][A-Za-z]+$/);
      expect(answers(route)).toBe(true);
    });

    test("checks every part of its path", () => {
      const parts = [...route.path.matchAll(/:(\w+)/g)].map(([, part]) => part ?? "");
      const params = route.params as z.ZodObject | undefined;

      expect(Object.keys(params?.shape ?? {}).sort()).toEqual(parts.sort());
    });

    test("is tested by its name", () => {
      const tested = sourceFiles(["test/api"]).some((file) =>
        readSource(file).includes(`describe("${title}"`),
      );

      expect(tested, `describe("${title}") in test/api`).toBe(true);
    });
  },
);

test("docs/api.json says what the routes say (npm run openapi)", () => {
  expect(JSON.parse(readSource("docs/api.json"))).toEqual(
    JSON.parse(JSON.stringify(openApi(routes, readVersion()))),
  );
});

function isRoute(value: unknown): value is Route {
  return typeof value === "object" && value !== null && "handle" in value && "path" in value;
}

function answers({ returns }: Route): boolean {
  if (typeof returns === "string")
    return ["delivery", "export", "text", "events", "page"].includes(returns);
  const [status, shape] = returns as readonly [number, unknown];
  return status >= 200 && status < 300 && shape instanceof z.ZodType;
}
