/** What may be done, `<word>:<verb>`; API keys take their scopes out of the same set. */
export const PERMISSIONS = [
  "packages:query",
  "packages:read",
  "packages:upload",
  "packages:publish",
  "packages:administer",
  "packages:original",
  "audit:read",
  "webhooks:read",
  "webhooks:administer",
  "webhooks:oversee",
] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** Roles, and what each may do. People and their further roles come with accounts. */
export const ROLES = { admin: PERMISSIONS } as const satisfies Record<
  string,
  readonly Permission[]
>;
export type Role = keyof typeof ROLES;

/** Who is asking, and what they may do. `keyId` is set when an API key asks. */
export interface Actor {
  accountId: string;
  /** What the audit shows: a user name, or `key <prefix>…<last four>`. */
  name: string;
  permissions: readonly Permission[];
  sessionId?: string;
  keyId?: string;
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

/** Who asked for a piece of work, and in which request: it travels with the work, for logs. */
export interface Caller {
  actor: string;
  requestId: string;
}

/** The Temporal header that carries the caller. */
export const CALLER_HEADER = "longhaul-caller";
