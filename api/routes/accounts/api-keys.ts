import {
  type Actor,
  may,
  mayWith,
  NARROW_SCOPES,
  type PackageRight,
  type Permission,
  permitsBy,
} from "../../../domain/accounts.ts";
import { type Issue, refusal } from "../../../domain/errors.ts";
import {
  ApiKey,
  changeGrants,
  grantsOf,
  issueApiKey,
  type PackageGrant,
  revokeApiKey,
} from "../../../models/accounts.ts";
import { page } from "../../../models/paging.ts";
import { makeSecret, newId } from "../../../platform/crypto.ts";
import { assertPerson } from "../../policies/accounts.ts";
import { findPackages } from "../../policies/packages.ts";
import { route } from "../../route.ts";
import {
  ApiKeyBody,
  ApiKeyOut,
  ApiKeysOut,
  Done,
  GrantsBody,
  KeyId,
  NewApiKeyOut,
  PageQuery,
  presentApiKey,
} from "../../schemas/accounts.ts";

export const createApiKey = route({
  method: "post",
  path: "/api/v1/api-keys",
  summary: "Make an API key; the answer shows it once",
  access: "signed-in",
  secret: true,
  body: ApiKeyBody,
  returns: [201, NewApiKeyOut],
  async handle({ actor, body, services, address, requestId }) {
    assertPerson(actor);
    const scopes = [...new Set(body.scopes)];
    const beyond = scopes.filter((scope) => !may(actor, scope));
    if (beyond.length > 0) {
      throw refusal("accounts/scope-beyond-rights", `You may not do this: ${beyond.join(", ")}.`);
    }
    const packages = body.packages && (await grantsFor(actor, body.packages));
    if (packages) assertNarrow(scopes);
    const expiresAt = body.expires_at ? new Date(body.expires_at) : null;
    if (expiresAt && expiresAt <= new Date()) {
      throw refusal("request/invalid", "A key must expire in the future.", {
        issues: [{ path: "expires_at", in: "body", message: "must be in the future" }],
      });
    }
    const { secret, prefix, lastFour, hash } = makeSecret("key");
    const key = await issueApiKey(
      services.database,
      {
        id: newId(),
        accountId: actor.accountId,
        name: body.name,
        prefix,
        lastFour,
        hash,
        scopes,
        expiresAt,
        packages: packages ?? null,
      },
      { actor, address, requestId },
    );
    return { ...presentApiKey(key, packages ?? []), key: secret };
  },
});

export const listApiKeys = route({
  method: "get",
  path: "/api/v1/api-keys",
  summary: "Your API keys, newest first, revoked ones too",
  access: "signed-in",
  query: PageQuery,
  returns: [200, ApiKeysOut],
  async handle({ actor, query }) {
    assertPerson(actor);
    const where = { accountId: actor.accountId };
    const list = { where, question: where, index: "api_keys_account_id_created_at_id" };
    const { items, next } = await page(ApiKey, { ...list, ...query });
    const grants = await grantsOf(items.map(({ id }) => id));
    const own = (key: ApiKey) => grants.filter(({ keyId }) => keyId === key.id);
    return { items: items.map((key) => presentApiKey(key, own(key))), next };
  },
});

export const changeApiKeyPackages = route({
  method: "put",
  path: "/api/v1/api-keys/:id/packages",
  summary: "Say anew which packages an API key is for, and what it may do with each; at once",
  access: "signed-in",
  params: KeyId,
  body: GrantsBody,
  returns: [200, ApiKeyOut],
  async handle({ actor, body, params, services, address, requestId }) {
    assertPerson(actor);
    const packages = await grantsFor(actor, body.packages);
    const which = { id: params.id, accountId: actor.accountId };
    const origin = { actor, address, requestId };
    const key = await changeGrants(services.database, which, packages, origin);
    await services.bus.announce({ type: "accounts.keys-changed", data: {} });
    return presentApiKey(key, packages);
  },
});

export const deleteApiKey = route({
  method: "delete",
  path: "/api/v1/api-keys/:id",
  summary: "Revoke an API key at once and for ever",
  access: "signed-in",
  params: KeyId,
  returns: [200, Done],
  async handle({ actor, params, services, address, requestId }) {
    assertPerson(actor);
    const { accountId } = actor;
    await revokeApiKey(
      services.database,
      { id: params.id, accountId },
      { actor, address, requestId },
    );
    await services.bus.announce({ type: "accounts.keys-changed", data: {} });
    return { message: "API key revoked", success: true as const };
  },
});

/** A scope is for all packages: a key for single ones must have none that undoes that. */
function assertNarrow(scopes: Permission[]): void {
  const wide = scopes.filter((scope) => !NARROW_SCOPES.includes(scope));
  if (wide.length === 0) return;
  throw refusal(
    "accounts/scope-beyond-rights",
    `A key for single packages cannot also have ${wide.join(", ")}. Leave it out of scopes.`,
  );
}

/** What a person may grant. Refuses packages that are not there and rights that they do not have themselves. */
async function grantsFor(
  actor: Actor,
  wanted: { id: string; rights: PackageRight[] }[],
): Promise<PackageGrant[]> {
  const rows = await findPackages(
    actor,
    wanted.map(({ id }) => Number(id)),
  );
  const found = new Map(rows.map((row) => [String(row.serial), row]));
  const issues: Issue[] = [];
  const grants = wanted.flatMap(({ id, rights }, at) => {
    const row = found.get(id);
    if (!row) issues.push({ path: `packages.${at}.id`, message: "is no package" });
    const beyond = row && permitsBy(rights).filter((one) => !mayWith(actor, one, row.id));
    if (beyond?.length) {
      const message = `You may not do this: ${beyond.join(", ")}.`;
      throw refusal("accounts/scope-beyond-rights", message);
    }
    return row ? [{ packageId: row.id, serial: row.serial, rights: [...new Set(rights)] }] : [];
  });
  if (issues.length === 0) return grants;
  throw refusal("request/invalid", "Some of these packages are not there.", { issues });
}
