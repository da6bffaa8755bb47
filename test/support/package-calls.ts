import type { Route } from "../../api/route.ts";
import { routes } from "../../api/routes/index.ts";
import type { Permission } from "../../domain/accounts.ts";
import type { CallGiven } from "./api.ts";
import { uploadForm, zipOf } from "./packages.ts";

/** A package as the routes are called for it: each of them in its own way. */
export interface Target {
  id: string;
  uuid: string;
  name: string;
  run: string;
}

/** What the routes are sent that need a body or a query; a route that needs one and is not here fails. */
export const SENT: Record<string, (target: Target) => Promise<CallGiven & { query?: string }>> = {
  "DELETE /api/v1/packages/:id": async ({ name }) => ({ json: { name } }),
  "GET /api/v1/package/query": async ({ id }) => ({ query: `?package_id=${id}` }),
  "PATCH /api/v1/packages/:id": async () => ({ json: { description: "new" } }),
  "PATCH /api/v1/packages/:id/versions/:version": async () => ({ json: { description: "new" } }),
  "POST /api/v1/packages": async () => ({ form: await upload({ name: "New", version: "1" }) }),
  "POST /api/v1/packages/:id/rollback": async () => ({ json: { version: "1.0.0" } }),
  "POST /api/v1/packages/:id/runs": async () => ({ json: { version: "1.0.0" } }),
  "POST /api/v1/packages/:id/runs/:run/cancel": async () => ({ json: { reason: "enough" } }),
  "POST /api/v1/packages/:id/runs/:run/resolve": async () => ({
    json: { action: "retry", reason: "it is back" },
  }),
  "POST /api/v1/packages/:id/versions": async () => ({ form: await upload({ version: "2.0.0" }) }),
  "POST /api/v1/packages/:id/versions/:version/publish": async () => ({ json: {} }),
  "POST /api/v1/packages/:id/versions/:version/reject": async () => ({ json: { reason: "bad" } }),
  "POST /api/v1/packages/:id/versions/:version/release": async () => ({ json: { reason: "ok" } }),
  "POST /api/v1/packages/:id/versions/:version/yank": async () => ({ json: { reason: "bad" } }),
  "PUT /api/v1/packages/:id/schedule": async () => ({ json: { interval_seconds: 3600 } }),
};

/** What lists packages, or things of packages: tests of their own say that they show only what may be seen. */
const LISTS = new Set(["GET /api/v1/packages", "GET /api/v1/quarantine"]);

/** A route by its method and path. */
export const titleOf = ({ method, path }: Route) => `${method.toUpperCase()} ${path}`;

/** Every route whose permission can be had for single packages. */
const guarded = Object.values(routes)
  .filter(({ access }) => access.startsWith("packages:"))
  .map((route) => ({ title: titleOf(route), route, access: route.access as Permission }));

/** Those about one package. */
export const ABOUT_ONE = guarded.filter(
  ({ route, title }) => route.perPackage && !LISTS.has(title),
);

/** Those about all packages, or none. */
export const ABOUT_ALL = guarded.filter(({ route }) => !route.perPackage);

/** Whether a call must carry something: then `SENT` says what. */
export function needsContent({ path, body, form }: Route): boolean {
  return Boolean(body ?? form) || path.endsWith("/query");
}

async function upload(fields: { name?: string; version: string }): Promise<FormData> {
  return uploadForm(fields, { bytes: await zipOf({ a: fields.version }), name: "app.zip" });
}
