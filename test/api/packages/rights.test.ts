import { describe, expect, test } from "vitest";
import type { Route } from "../../../api/route.ts";
import {
  type Actor,
  PACKAGE_RIGHTS,
  type PackageRight,
  type Permission,
  permitsBy,
  rightFor,
} from "../../../domain/accounts.ts";
import { inTransaction } from "../../../models/database.ts";
import { Package, PackageRun, PackageVersion } from "../../../models/packages/index.ts";
import { newId } from "../../../platform/crypto.ts";
import { ADMIN, type Answer, startApi, type StartedApi } from "../../support/api.ts";
import { ABOUT_ALL, ABOUT_ONE, SENT, type Target, titleOf } from "../../support/package-calls.ts";
import { publishByHand, uploadPackage } from "../../support/packages.ts";

const LET_IN = "let in";

describe.each(ABOUT_ONE)("$title", ({ route, access }) => {
  test("with a right to one package: that one, if it is the right one, and no other", async () => {
    const { api, strange } = await startWithOne();
    const found: Record<string, unknown> = {};

    for (const right of PACKAGE_RIGHTS) {
      const own = await makeTarget(api, `Own to ${right}`);
      const actor = holder({ [own.uuid]: [right] });
      const onStrange = outcomeOf(await knock(api, actor, route, strange));
      const onOwn = await knock(api, actor, route, own);
      found[right] = { onStrange, onOwn: outcomeOf(onOwn), says: said(onOwn) };
    }

    expect(found).toEqual(
      Object.fromEntries(
        PACKAGE_RIGHTS.map((right) => {
          const onOwn = expected(access, [right]);
          const says = onOwn === LET_IN ? null : `This needs the right to ${rightFor(access)}`;
          return [right, { onStrange: "packages/not-found", onOwn, says }];
        }),
      ),
    );
  });

  test("with a permission for all packages: all if it is the one, none with every other", async () => {
    const { api, strange } = await startWithOne();
    const others = ADMIN.permissions.filter((one) => one !== access);

    const without = await knock(api, { ...ADMIN, permissions: others }, route, strange);
    const within = await knock(api, { ...ADMIN, permissions: [access] }, route, strange);

    expect(outcomeOf(without)).toBe("accounts/not-allowed");
    expect(outcomeOf(within)).toBe(LET_IN);
  });

  test("with rights to several packages: each to its own", async () => {
    const { api, strange } = await startWithOne();
    const own = await makeTarget(api, "Own");
    const actor = holder({ [own.uuid]: ["view"], [strange.uuid]: ["upload", "administer"] });

    expect(outcomeOf(await knock(api, actor, route, own))).toBe(expected(access, ["view"]));
    expect(outcomeOf(await knock(api, actor, route, strange))).toBe(
      expected(access, ["upload", "administer"]),
    );
  });
});

describe.each(ABOUT_ALL)("$title", ({ route }) => {
  test("is closed to every key for single packages", async () => {
    const { api, own } = await startWithTwo();
    const actor = holder({ [own.uuid]: [...PACKAGE_RIGHTS] });

    expect(outcomeOf(await knock(api, actor, route, own))).toBe("accounts/not-allowed");
  });
});

test("a list for all packages shows a key its own, page by page", async () => {
  const { api, own } = await startWithTwo();
  const later = await makeTarget(api, "Later");
  await makeTarget(api, "Latest");
  const actor = holder({ [own.uuid]: ["view"], [later.uuid]: ["upload"] });
  const list = (query: string) => api.call(actor, "GET", `/api/v1/packages?limit=1${query}`);

  const first = (await list("")).body;
  const second = (await list(`&after=${first.next}`)).body;

  expect([first, second].flatMap(({ items }) => items.map(({ id }: Target) => id))).toEqual([
    later.id,
    own.id,
  ]);
  expect(second.next).toBeNull();
});

test("what the gate holds is shown to a key of its own packages alone", async () => {
  const { api, own } = await startWithTwo();
  await inTransaction(api.services.database, (transaction) =>
    PackageVersion.update({ verdict: "held" }, { where: {}, transaction }),
  );
  const held = async (actor: Actor) =>
    (await api.call(actor, "GET", "/api/v1/quarantine")).body.items.length;

  expect(await held(ADMIN)).toBe(2);
  expect(await held(holder({ [own.uuid]: ["view"] }))).toBe(1);
});

test("only who administers, or has the scope for it, gets a package's original", async () => {
  const { api, own } = await startWithTwo();
  const original = async (actor: Actor) =>
    (await api.call(actor, "GET", `/api/v1/packages/${own.id}`)).body.original_download_url;
  const viewer = holder({ [own.uuid]: ["view", "publish"] });

  expect(await original(viewer)).toBeNull();
  expect(await original({ ...viewer, permissions: ["packages:original"] })).toContain("signature=");
  expect(await original(holder({ [own.uuid]: ["administer"] }))).toContain("signature=");
});

test("a key's Idempotency-Key is not answered with what its owner did to another package", async () => {
  const { api, own, strange } = await startWithTwo();
  const path = `/api/v1/packages/${strange.id}/versions/1.0.0/yank`;
  const given = { json: { reason: "bad" }, headers: { "Idempotency-Key": "once" } };
  const actor = holder({ [own.uuid]: ["publish"] });

  expect((await api.call(ADMIN, "POST", path, given)).status).toBe(202);
  expect(outcomeOf(await api.call(actor, "POST", path, given))).toBe("packages/not-found");
});

/** What the route's declared access says about these rights to the package. */
function expected(access: Permission, rights: PackageRight[]): string {
  return permitsBy(rights).includes(access) ? LET_IN : "accounts/not-allowed";
}

/** A key with rights to single packages and no scope. */
function holder(rights: Record<string, PackageRight[]>): Actor {
  const packages = Object.entries(rights).map(([uuid, some]) => [uuid, permitsBy(some)]);
  const { accountId } = ADMIN;
  const named = { accountId, name: "key", permissions: [], keyId: newId() };
  return { ...named, packages: Object.fromEntries(packages) };
}

/** Calls a route about a package; a part of the path that is not known here fails. */
async function knock(api: StartedApi, actor: Actor, route: Route, target: Target): Promise<Answer> {
  const parts: Record<string, string> = { id: target.id, run: target.run, version: "1.0.0" };
  const path = route.path.replaceAll(/:(\w+)/g, (_, part: string) => {
    if (!(part in parts)) throw new Error(`say what :${part} of ${route.path} is`);
    return parts[part]!;
  });
  const { query = "", headers, ...given } = (await SENT[titleOf(route)]?.(target)) ?? {};
  const credential = route.credential && { "x-api-key": api.tokenOf(actor) };
  return api.call(actor, route.method.toUpperCase(), path + query, {
    ...given,
    headers: { ...headers, ...credential },
  });
}

const ABOUT_RIGHTS = new Set(["packages/not-found", "accounts/not-allowed"]);

/** The refusal that is about who asks or what for; whatever else came back, the call was let in. */
function outcomeOf({ status, body }: Answer): string {
  const code = body.error_code ?? body.code;
  expect(status, JSON.stringify(body)).toBeLessThan(500);
  expect(String(code), JSON.stringify(body)).not.toMatch(/^request\//);
  return ABOUT_RIGHTS.has(code) ? code : LET_IN;
}

/** How a refusal that is about rights begins. */
function said(answer: Answer): string | null {
  if (outcomeOf(answer) === LET_IN) return null;
  return (answer.body.detail ?? answer.body.message).replace(/ this package\.$/, "");
}

async function startWithOne() {
  const api = await startApi();
  return { api, strange: await makeTarget(api, "Strange") };
}

async function startWithTwo() {
  const started = await startWithOne();
  return { ...started, own: await makeTarget(started.api, "Own") };
}

async function makeTarget(api: StartedApi, name: string): Promise<Target> {
  const { id } = (await uploadPackage(api, { name })).body;
  await publishByHand(api, id, "1.0.0");
  const row = await Package.findOne({ where: { name }, rejectOnEmpty: true });
  const run = await PackageRun.findOne({ where: { packageId: row.id }, rejectOnEmpty: true });
  return { id, uuid: row.id, name, run: run.id };
}
