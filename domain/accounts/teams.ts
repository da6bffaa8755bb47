/** What somebody is in a team, highest first. */
export const TEAM_ROLES = ["owner", "admin", "member", "viewer"] as const;
export type TeamRole = (typeof TEAM_ROLES)[number];

/** The roles that are given: a team has one owner, who hands it over. */
export const GIVEN_ROLES = ["admin", "member", "viewer"] as const;

/** What a member may do beside what their role permits; stored for every one of them. */
export interface TeamFlags {
  canUpload: boolean;
  canDelete: boolean;
  canShare: boolean;
  canManageMembers: boolean;
}

/** What a member has unless something else is said. */
export const FLAGS_BY_DEFAULT: TeamFlags = {
  canUpload: true,
  canDelete: false,
  canShare: true,
  canManageMembers: false,
};

/** What can be done in a team: `upload`, `remove` and `share` are about its files. */
export const TEAM_VERBS = [
  "view",
  "change",
  "delete",
  "transfer",
  "leave",
  "invite",
  "manage",
  "upload",
  "remove",
  "share",
] as const;
export type TeamVerb = (typeof TEAM_VERBS)[number];

/** Somebody's place in a team. */
export type Place = { role: TeamRole } & TeamFlags;

/** Whether a place in a team permits this; whom `manage` may reach is for `mayManage` to say. */
export function mayInTeam(place: Place, verb: TeamVerb): boolean {
  const { role, canUpload, canDelete, canShare, canManageMembers } = place;
  const leads = role === "owner" || role === "admin";
  switch (verb) {
    case "view":
      return true;
    case "change":
      return leads;
    case "delete":
    case "transfer":
      return role === "owner";
    case "leave":
      return role !== "owner";
    case "invite":
    case "manage":
      return leads || canManageMembers;
    case "upload":
      return role !== "viewer" && canUpload;
    case "remove":
      return leads || canDelete;
    case "share":
      return leads || canShare;
  }
}

/** Whether somebody may change or remove another member: only those below them, and nobody the owner. */
export function mayManage(place: Place, subject: Place): boolean {
  return mayInTeam(place, "manage") && mayGive(place, subject);
}

/** Whether somebody may bring others to this place: below their own, and with no say over members unless they lead. */
export function mayGive({ role }: Place, given: Place): boolean {
  if (given.role === "owner") return false;
  if (role === "owner") return true;
  if (given.role === "admin") return false;
  return role === "admin" || !given.canManageMembers;
}

/** An open invitation is answered once, or taken back; all others are over. */
export const INVITATION_STATES = ["open", "accepted", "declined", "withdrawn"] as const;
export type InvitationState = (typeof INVITATION_STATES)[number];
