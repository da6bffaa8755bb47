/** What may be done, `<word>:<verb>`; API keys take their scopes out of the same set. */
export const PERMISSIONS = [
  "packages:query",
  "packages:read",
  "packages:upload",
  "packages:publish",
  "packages:administer",
  "packages:original",
  "pipelines:read",
  "pipelines:administer",
  "audit:read",
  "webhooks:read",
  "webhooks:administer",
  "webhooks:oversee",
] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** What an API key may do with one package; each right includes `view`. */
export const PACKAGE_RIGHTS = ["view", "upload", "publish", "administer"] as const;
export type PackageRight = (typeof PACKAGE_RIGHTS)[number];

const VIEW = ["packages:query", "packages:read"] as const;

/** The permissions that a right gives for its package. */
const RIGHT_PERMISSIONS: Readonly<Record<PackageRight, readonly Permission[]>> = {
  view: VIEW,
  upload: [...VIEW, "packages:upload"],
  publish: [...VIEW, "packages:publish"],
  administer: [...VIEW, "packages:administer", "packages:original"],
};

/** All that these rights to a package permit. */
export function permitsBy(rights: readonly PackageRight[]): Permission[] {
  return [...new Set(rights.flatMap((right) => RIGHT_PERMISSIONS[right]))];
}

/** The scopes that a key for single packages may have beside its rights: all others reach beyond these packages. */
export const NARROW_SCOPES: readonly Permission[] = [
  "packages:original",
  "webhooks:read",
  "webhooks:administer",
];

/** The right that a permission comes with; the permission itself when it comes with none. */
export function rightFor(permission: Permission): string {
  const right = PACKAGE_RIGHTS.find((one) => RIGHT_PERMISSIONS[one].includes(permission));
  return right ?? permission;
}

/** Roles, and what each may do. People and their further roles come with accounts. */
export const ROLES = { admin: PERMISSIONS, user: [] } as const satisfies Record<
  string,
  readonly Permission[]
>;
export type Role = keyof typeof ROLES;

/** Where codes are sent to. */
export const CODE_CHANNELS = ["phone", "email"] as const;
export type CodeChannel = (typeof CODE_CHANNELS)[number];

/** Who is asking, and what they may do. `keyId` is set when an API key asks. */
export interface Actor {
  accountId: string;
  /** What the audit shows: a user name, or `key <prefix>…<last four>`. */
  name: string;
  permissions: readonly Permission[];
  sessionId?: string;
  /** Set when they may do nothing of their role before they have turned their second proof on. */
  lacksTotp?: boolean;
  keyId?: string;
  /** Set when the key is for some packages alone: what it may do with each, by the package's UUID. */
  packages?: Readonly<Record<string, readonly Permission[]>>;
}

/** The platform itself, for what nobody asked for. */
export const PLATFORM: Actor = {
  accountId: "00000000-0000-0000-0000-000000000000",
  name: "longhaul",
  permissions: [],
};

export function may(actor: Actor, permission: Permission): boolean {
  return actor.permissions.includes(permission);
}

/** Whether an actor may know of this package; `id` is its UUID. */
export function maySee({ packages }: Actor, id: string): boolean {
  return packages === undefined || Object.hasOwn(packages, id);
}

/** Whether an actor may do something with this package: with all of them, or by a right to this one. */
export function mayWith(actor: Actor, permission: Permission, id: string): boolean {
  return (
    maySee(actor, id) && (may(actor, permission) || !!actor.packages?.[id]?.includes(permission))
  );
}

/** Whether an actor may do something with all packages, or with some by their rights to these. */
export function mayWithSome(actor: Actor, permission: Permission): boolean {
  const some = Object.values(actor.packages ?? {});
  return may(actor, permission) || some.some((permitted) => permitted.includes(permission));
}

/** Who asked for a piece of work, and in which request: it travels with the work, for logs. */
export interface Caller {
  actor: string;
  requestId: string;
}

/** The Temporal header that carries the caller. */
export const CALLER_HEADER = "longhaul-caller";
