/** What may be done, `<word>:<verb>`; API keys take their scopes out of the same set. */
export const PERMISSIONS = [
  "packages:query",
  "packages:read",
  "packages:upload",
  "packages:publish",
  "packages:run",
  "packages:resolve",
  "packages:administer",
  "packages:original",
  "pipelines:read",
  "pipelines:administer",
  "audit:read",
  "audit:export",
  "accounts:read",
  "accounts:administer",
  "billing:read",
  "billing:administer",
  "cards:read",
  "cards:generate",
  "cards:change",
  "cards:export",
  "cards:oversee",
  "cards:administer",
  "downloads:read",
  "downloads:start",
  "downloads:oversee",
  "proxies:read",
  "proxies:administer",
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
  publish: [...VIEW, "packages:publish", "packages:run"],
  administer: [...VIEW, "packages:administer", "packages:resolve", "packages:original"],
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

/** Everything that can be looked at in the lines of products, whoever it belongs to. */
const READS = [
  ...VIEW,
  "pipelines:read",
  "billing:read",
  "cards:read",
  "cards:oversee",
  "downloads:oversee",
  "proxies:read",
  "webhooks:read",
  "webhooks:oversee",
] as const satisfies readonly Permission[];

/** What everybody may have done for themselves; a key or a role that is to do it has it among its own. */
const OWN = ["downloads:read", "downloads:start"] as const satisfies readonly Permission[];

/** The roles that there always are, and what each may do beside what everybody may do with their own things. */
export const ROLES = {
  admin: PERMISSIONS,
  operator: [...READS, ...OWN, "packages:run", "packages:resolve"],
  support: [...READS, ...OWN, "audit:read", "accounts:read"],
  /** All of it reaches the cards of what the seller sells, and no others: that would be `cards:oversee`. */
  seller: ["cards:read", "cards:generate", "cards:change", "cards:export", ...OWN],
  user: OWN,
} as const satisfies Record<string, readonly Permission[]>;

/** The name of a built-in role, or of one that administrators have made. */
export type Role = string;

/** What a built-in role permits; undefined for every other name. */
export function builtInRole(name: Role): readonly Permission[] | undefined {
  return Object.hasOwn(ROLES, name) ? ROLES[name as keyof typeof ROLES] : undefined;
}

/** How roles are named. */
export const ROLE_NAME = /^[a-z][a-z0-9-]{1,19}$/;

/** Where codes are sent to. */
export const CODE_CHANNELS = ["phone", "email"] as const;
export type CodeChannel = (typeof CODE_CHANNELS)[number];

/** A sign-in by WeChat: shown, scanned by somebody who is bound to no account, done. Time ends each of them. */
export const SCENE_STATES = ["pending", "scanned", "confirmed"] as const;
export type SceneState = (typeof SCENE_STATES)[number];

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

/** Those of these permissions that an actor does not have. What everybody may do for themselves, anybody may give. */
export function missingOf(actor: Actor, permissions: readonly Permission[]): Permission[] {
  return permissions.filter((one) => !may(actor, one) && !OWN.some((own) => own === one));
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
