import { z } from "zod";
import { PACKAGE_RIGHTS, PERMISSIONS } from "../../domain/accounts.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { Account, ApiKey, ApiKeyPackage } from "../../models/accounts.ts";
import { Totp } from "./accounts/totp.ts";
import { PackageId } from "./packages.ts";
import { wholeNumber } from "../validation.ts";

/** A moment on the wire. */
const Moment = z.iso.datetime({ offset: true });

export const LoginBody = z.strictObject({
  username: z.string().min(3).max(255),
  password: z.string().min(6).max(200),
  /** Where the account has a second proof. */
  totp: Totp.optional(),
});

export const RefreshBody = z.strictObject({ refresh_token: z.string().min(1).max(4096) });

/** The account of the one who signed in. */
export const UserOut = z.strictObject({
  id: z.uuid(),
  username: z.string(),
  email: z.string().nullable(),
  email_verified: z.boolean(),
  phone: z.string().nullable(),
  /** Whether a code proved the number, so that it counts. */
  phone_verified: z.boolean(),
  avatar: z.string().nullable(),
  balance: z.number(),
  member_level: z.int(),
  is_active: z.boolean(),
  created_at: Moment,
  last_login_at: Moment.nullable(),
});

const Tokens = {
  access_token: z.string(),
  refresh_token: z.string(),
  token_type: z.literal("bearer"),
  expires_in: z.int(),
};

export const LoginOut = z.strictObject({ user: UserOut, ...Tokens });
export const RefreshOut = z.strictObject(Tokens);
export const Done = z.strictObject({ message: z.string(), success: z.literal(true) });

const Rights = z.array(z.enum(PACKAGE_RIGHTS)).min(1).max(PACKAGE_RIGHTS.length);
const Grant = z.strictObject({ id: PackageId.shape.id, rights: Rights });
const Grants = z
  .array(Grant)
  .max(LIMITS.apiKeyPackages)
  .refine((grants) => new Set(grants.map(({ id }) => id)).size === grants.length, {
    message: "must name each package once",
  });

export const ApiKeyBody = z
  .strictObject({
    name: z.string().trim().min(1).max(100),
    scopes: z.array(z.enum(PERMISSIONS)).max(PERMISSIONS.length).default([]),
    /** The packages that it is for, and what it may do with each; all, by its scopes, when not given. */
    packages: Grants.min(1).optional(),
    expires_at: Moment.nullish(),
  })
  .refine(({ scopes, packages }) => scopes.length > 0 || packages, {
    path: ["scopes"],
    message: "must not be empty unless packages are given",
  });

export const GrantsBody = z.strictObject({ packages: Grants });

export const KeyId = z.strictObject({ id: z.string().max(64) });

export const PageQuery = z.strictObject({
  limit: wholeNumber(1, LIMITS.listItems).prefault(20),
  after: z.string().max(1000).optional(),
});

export const ApiKeyOut = z.strictObject({
  id: z.uuid(),
  name: z.string(),
  prefix: z.string(),
  last_four: z.string(),
  scopes: z.array(z.enum(PERMISSIONS)),
  /** The packages that it is for, and what it may do with each; null when it is for all. */
  packages: z.array(Grant).nullable(),
  created_at: Moment,
  expires_at: Moment.nullable(),
  last_used_at: Moment.nullable(),
  revoked_at: Moment.nullable(),
});

/** The only answer that ever holds the key itself. */
export const NewApiKeyOut = ApiKeyOut.extend({ key: z.string() });
export const ApiKeysOut = z.strictObject({
  items: z.array(ApiKeyOut),
  next: z.string().nullable(),
});

const wire = (moment: Date | null | undefined) => moment?.toISOString() ?? null;

/** An account as its owner sees it; `balance` is in fen. */
export function presentUser(account: Account, balance: number): z.input<typeof UserOut> {
  return {
    id: account.id,
    username: account.username,
    email: account.email,
    email_verified: account.emailVerifiedAt !== null,
    phone: account.claimedPhone ?? account.phone,
    phone_verified: account.phone !== null && account.claimedPhone === null,
    avatar: account.avatar,
    balance: balance / 100,
    member_level: account.memberLevel,
    is_active: account.isActive,
    created_at: account.createdAt.toISOString(),
    last_login_at: wire(account.lastLoginAt),
  };
}

export function presentApiKey(
  key: ApiKey,
  grants: Pick<ApiKeyPackage, "serial" | "rights">[],
): z.input<typeof ApiKeyOut> {
  return {
    id: key.id,
    name: key.name,
    prefix: key.prefix,
    last_four: key.lastFour,
    scopes: key.scopes,
    packages: key.isRestricted
      ? grants.map(({ serial, rights }) => ({ id: String(serial), rights }))
      : null,
    created_at: key.createdAt.toISOString(),
    expires_at: wire(key.expiresAt),
    last_used_at: wire(key.lastUsedAt),
    revoked_at: wire(key.revokedAt),
  };
}
