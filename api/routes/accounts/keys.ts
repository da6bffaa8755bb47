import type { z } from "zod";
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
import { ApiKey, grantsOf, issueApiKey, type PackageGrant } from "../../../models/accounts.ts";
import { page, type Place } from "../../../models/paging.ts";
import { makeSecret, newId } from "../../../platform/crypto.ts";
import { findPackages } from "../../policies/packages.ts";
import {
  type ApiKeyBody,
  type ApiKeysOut,
  type NewApiKeyOut,
  presentApiKey,
} from "../../schemas/accounts.ts";
import type { Services } from "../../services.ts";

/** What a route hands on of its call for a key to be made. */
interface KeyCall {
  actor: Actor;
  body: z.output<typeof ApiKeyBody>;
  services: Services;
  address: string;
  requestId: string;
}

/** Makes a key of an account. Whoever asks gives no more than they have. */
export async function issueKey(
  { actor, body, services, address, requestId }: KeyCall,
  accountId: string,
): Promise<z.input<typeof NewApiKeyOut>> {
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
  const named = { id: newId(), accountId, name: body.name, prefix, lastFour, hash };
  const key = await issueApiKey(
    services.database,
    { ...named, scopes, expiresAt, packages: packages ?? null },
    { actor, address, requestId },
  );
  return { ...presentApiKey(key, packages ?? []), key: secret };
}

/** One page of an account's keys, newest first, revoked ones too. */
export async function listKeys(
  accountId: string,
  place: Place,
): Promise<z.input<typeof ApiKeysOut>> {
  const where = { accountId };
  const list = { where, question: where, index: "api_keys_account_id_created_at_id" };
  const { items, next } = await page(ApiKey, { ...list, ...place });
  const grants = await grantsOf(items.map(({ id }) => id));
  const own = (key: ApiKey) => grants.filter(({ keyId }) => keyId === key.id);
  return { items: items.map((key) => presentApiKey(key, own(key))), next };
}

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
export async function grantsFor(
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
