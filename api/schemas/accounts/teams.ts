import { z } from "zod";
import {
  FLAGS_BY_DEFAULT,
  GIVEN_ROLES,
  mayInTeam,
  type Place,
  TEAM_ROLES,
  TEAM_VERBS,
} from "../../../domain/accounts/teams.ts";
import { LIMITS } from "../../../domain/limits.ts";
import type { Account, Team, TeamInvitation, TeamMember } from "../../../models/accounts.ts";

const Moment = z.iso.datetime({ offset: true });
const Id = z.string().max(64);

export const TeamId = z.strictObject({ id: Id });
export const MemberId = TeamId.extend({ member: Id });
export const InvitationOfTeam = TeamId.extend({ invitation: Id });
export const InvitationId = z.strictObject({ id: Id });

const Avatar = z.url({ protocol: /^https?$/ }).max(512);

export const NewTeam = z.strictObject({
  name: z.string().trim().min(1).max(100),
  description: z.string().trim().max(500).nullable().default(null),
  avatar: Avatar.nullable().default(null),
  /** As many as the platform permits when null. */
  max_members: z.int().min(1).max(LIMITS.teamMembers).nullable().default(null),
});

const isSomething = [
  (given: object) => Object.values(given).some((value) => value !== undefined),
  { message: "must change something" },
] as const;

export const TeamChange = z
  .strictObject({
    name: NewTeam.shape.name.optional(),
    description: z.string().trim().max(500).nullish(),
    avatar: Avatar.nullish(),
    max_members: z.int().min(1).max(LIMITS.teamMembers).nullish(),
  })
  .refine(...isSomething);

const Flags = {
  can_upload: z.boolean(),
  can_delete: z.boolean(),
  can_share: z.boolean(),
  can_manage_members: z.boolean(),
};

export const PlaceChange = z
  .strictObject({ role: z.enum(GIVEN_ROLES), ...Flags })
  .partial()
  .refine(...isSomething);

export const Invitation = z
  .strictObject({
    username: z.string().min(1).max(50).optional(),
    email: z.email().max(100).optional(),
    role: z.enum(GIVEN_ROLES).default("member"),
    can_upload: z.boolean().default(FLAGS_BY_DEFAULT.canUpload),
    can_delete: z.boolean().default(FLAGS_BY_DEFAULT.canDelete),
    can_share: z.boolean().default(FLAGS_BY_DEFAULT.canShare),
    can_manage_members: z.boolean().default(FLAGS_BY_DEFAULT.canManageMembers),
  })
  .refine(({ username, email }) => (username === undefined) !== (email === undefined), {
    path: ["username"],
    message: "must be given, or email, and not both",
  });

export const Transfer = z.strictObject({ member: Id });

const PlaceOut = { role: z.enum(TEAM_ROLES), ...Flags };

export const TeamOut = z.strictObject({
  id: z.uuid(),
  name: z.string(),
  description: z.string().nullable(),
  avatar: z.string().nullable(),
  owner_id: z.uuid(),
  max_members: z.int().nullable(),
  members: z.int(),
  /** One's own place in it, and what that permits. */
  own: z.strictObject({ ...PlaceOut, may: z.array(z.enum(TEAM_VERBS)) }),
  created_at: Moment,
  updated_at: Moment,
});

export const TeamsOut = z.strictObject({ items: z.array(TeamOut) });

export const MemberOut = z.strictObject({
  id: z.uuid(),
  username: z.string(),
  avatar: z.string().nullable(),
  ...PlaceOut,
  joined_at: Moment,
});

export const MembersOut = z.strictObject({ items: z.array(MemberOut) });

export const InvitationOut = z.strictObject({
  id: z.uuid(),
  team: z.strictObject({ id: z.uuid(), name: z.string() }),
  /** Whom it is for: an account, or an e-mail address. */
  user_id: z.uuid().nullable(),
  email: z.string().nullable(),
  ...PlaceOut,
  invited_by: z.string(),
  created_at: Moment,
  expires_at: Moment,
});

export const InvitationsOut = z.strictObject({ items: z.array(InvitationOut) });

/** A place in a team as it is said on the wire; of a change, what is given of it. */
export function readPlace<P extends z.output<typeof PlaceChange>>(given: P) {
  return {
    role: given.role as P["role"],
    canUpload: given.can_upload as P["can_upload"],
    canDelete: given.can_delete as P["can_delete"],
    canShare: given.can_share as P["can_share"],
    canManageMembers: given.can_manage_members as P["can_manage_members"],
  };
}

function presentPlace({ role, canUpload, canDelete, canShare, canManageMembers }: Place) {
  return {
    role,
    can_upload: canUpload,
    can_delete: canDelete,
    can_share: canShare,
    can_manage_members: canManageMembers,
  };
}

/** A team as one of its members sees it. */
export function presentTeam(team: Team, own: TeamMember, members: number): z.input<typeof TeamOut> {
  return {
    id: team.id,
    name: team.name,
    description: team.description,
    avatar: team.avatar,
    owner_id: team.ownerId,
    max_members: team.maxMembers,
    members,
    own: { ...presentPlace(own), may: TEAM_VERBS.filter((verb) => mayInTeam(own, verb)) },
    created_at: team.createdAt.toISOString(),
    updated_at: team.updatedAt.toISOString(),
  };
}

/** A member as the others see them: no address, no number. */
export function presentMember(
  member: TeamMember,
  { username, avatar }: Account,
): z.input<typeof MemberOut> {
  const joined = member.joinedAt.toISOString();
  return { id: member.accountId, username, avatar, ...presentPlace(member), joined_at: joined };
}

export function presentInvitation(
  invitation: TeamInvitation,
  { id, name }: Team,
): z.input<typeof InvitationOut> {
  return {
    id: invitation.id,
    team: { id, name },
    user_id: invitation.accountId,
    email: invitation.email,
    ...presentPlace(invitation),
    invited_by: invitation.invitedBy,
    created_at: invitation.createdAt.toISOString(),
    expires_at: invitation.expiresAt.toISOString(),
  };
}
