import { z } from "zod";
import { PERMISSIONS, ROLE_NAME, ROLES } from "../../../domain/accounts.ts";
import type { Account, CustomRole } from "../../../models/accounts.ts";
import { PageQuery } from "../accounts.ts";

const Moment = z.iso.datetime({ offset: true });
const Permissions = z.array(z.enum(PERMISSIONS));
const RoleOfOne = z.string().regex(ROLE_NAME, "must be the name of a role");
const yesOrNo = z.enum(["true", "false"]).transform((text) => text === "true");

export const UserId = z.strictObject({ id: z.string().max(64) });

export const KeyOfUser = UserId.extend({ key: z.string().max(64) });

export const UsersQuery = PageQuery.extend({
  /** An e-mail address, a phone number, or how a user name begins. */
  q: z.string().trim().min(1).max(255).optional(),
  role: RoleOfOne.optional(),
  active: yesOrNo.optional(),
  service: yesOrNo.optional(),
});

/** Eleven digits would be a phone number at sign-in. */
const Username = z
  .string()
  .regex(/^[A-Za-z0-9_]{3,50}$/, "must be 3 to 50 letters, digits and _")
  .regex(/^(?!\d{11}$)/, "must not be eleven digits");

export const NewUser = z
  .strictObject({
    username: Username,
    /** Made and shown once when not given. */
    password: z.string().min(8).max(100).optional(),
    role: RoleOfOne.default("user"),
    /** Acts by API keys alone, and has no password. */
    service: z.boolean().default(false),
  })
  .refine(({ password, service }) => !(password && service), {
    path: ["password"],
    message: "must not be given to a service",
  });

export const UserStanding = z
  .strictObject({
    role: RoleOfOne.optional(),
    is_active: z.boolean().optional(),
    member_level: z.int().min(0).max(3).optional(),
  })
  .refine((given) => Object.values(given).some((value) => value !== undefined), {
    message: "must change something",
  });

/** An account as administrators see it. */
export const PersonOut = z.strictObject({
  id: z.uuid(),
  username: z.string(),
  email: z.string().nullable(),
  email_verified: z.boolean(),
  phone: z.string().nullable(),
  role: z.string(),
  service: z.boolean(),
  is_active: z.boolean(),
  member_level: z.int(),
  created_at: Moment,
  updated_at: Moment,
  last_login_at: Moment.nullable(),
});

export const PeopleOut = z.strictObject({
  items: z.array(PersonOut),
  next: z.string().nullable(),
});

export const PersonWithRights = PersonOut.extend({ permissions: Permissions });

/** The only answer that ever holds the password, when it was made here. */
export const NewPersonOut = PersonOut.extend({ password: z.string().nullable() });

export const SignedOutOut = z.strictObject({ sessions: z.int() });

export const RoleName = z.strictObject({ name: z.string().max(64) });

export const RoleTerms = z.strictObject({
  description: z.string().trim().max(200).default(""),
  permissions: Permissions.max(PERMISSIONS.length).transform((some) => [...new Set(some)]),
});

export const NewRole = RoleTerms.extend({
  name: z.string().regex(ROLE_NAME, "must be 2 to 20 small letters, digits and -"),
});

export const RoleOut = z.strictObject({
  name: z.string(),
  description: z.string(),
  permissions: Permissions,
  built_in: z.boolean(),
});

export const RolesOut = z.strictObject({ items: z.array(RoleOut) });

export function presentPerson(account: Account): z.input<typeof PersonOut> {
  return {
    id: account.id,
    username: account.username,
    email: account.email,
    email_verified: account.emailVerifiedAt !== null,
    phone: account.phone,
    role: account.role,
    service: account.isService,
    is_active: account.isActive,
    member_level: account.memberLevel,
    created_at: account.createdAt.toISOString(),
    updated_at: account.updatedAt.toISOString(),
    last_login_at: account.lastLoginAt?.toISOString() ?? null,
  };
}

/** A role that administrators have made. */
export function presentRole(role: CustomRole): z.input<typeof RoleOut> {
  const permissions = PERMISSIONS.filter((one) => role.permissions.includes(one));
  return { name: role.name, description: role.description, permissions, built_in: false };
}

const MEANT: Readonly<Record<keyof typeof ROLES, string>> = {
  admin: "Does everything",
  operator: "Runs, retries and decides, and reads all lines",
  support: "Reads everything, and exports nothing",
  seller: "Sells cards",
  user: "Has what is their own",
};

/** The roles that come with the platform. */
export function presentBuiltInRoles(): z.input<typeof RoleOut>[] {
  return Object.entries(ROLES).map(([name, permissions]) => ({
    name,
    description: MEANT[name as keyof typeof ROLES],
    permissions: [...permissions],
    built_in: true,
  }));
}
