import type { Transaction } from "sequelize";
import {
  FLAGS_BY_DEFAULT,
  mayGive,
  mayInTeam,
  mayManage,
  type Place,
  type TeamVerb,
} from "../../domain/accounts/teams.ts";
import { refusal } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import { type Database, inTransaction } from "../database.ts";
import { recordAudit } from "../operations.ts";
import { type Administrator, originOf } from "./audit.ts";
import { Account } from "./tables.ts";
import { Team, TeamInvitation, TeamMember } from "./team-tables.ts";

/** A team as one of its members sees it. */
export interface TeamSeen {
  team: Team;
  own: TeamMember;
  /** How many there are. */
  members: number;
}

/** The team of this id, when this account is in it. */
export async function teamOf(accountId: string, teamId: string): Promise<TeamSeen | undefined> {
  const [own, team, members] = await Promise.all([
    TeamMember.findOne({ where: { teamId, accountId } }),
    Team.findByPk(teamId),
    TeamMember.count({ where: { teamId } }),
  ]);
  return own && team ? { team, own, members } : undefined;
}

/** The teams that an account is in, those first that it joined last. */
export async function teamsOf(accountId: string): Promise<TeamSeen[]> {
  const places = await TeamMember.findAll({ where: { accountId }, order: [["joinedAt", "DESC"]] });
  const seen = await Promise.all(places.map(({ teamId }) => teamOf(accountId, teamId)));
  return seen.filter((one) => one !== undefined);
}

/** The members of a team with their accounts, in the order in which they joined. */
export async function membersOf(
  teamId: string,
): Promise<{ member: TeamMember; account: Account }[]> {
  const members = await TeamMember.findAll({ where: { teamId }, order: [["joinedAt", "ASC"]] });
  const accounts = await Account.findAll({
    where: { id: members.map(({ accountId }) => accountId) },
  });
  const byId = new Map(accounts.map((account) => [account.id, account]));
  return members.flatMap((member) => {
    const account = byId.get(member.accountId);
    return account ? [{ member, account }] : [];
  });
}

/** What a team is called and looks like. */
export type TeamTerms = Pick<Team, "name" | "description" | "avatar" | "maxMembers">;

/** Makes a team that whoever asks owns. */
export async function createTeam(
  database: Database,
  terms: TeamTerms & { id: string },
  by: Administrator,
): Promise<Team> {
  return inTransaction(database, async (transaction) => {
    const ownerId = by.actor.accountId;
    // Whoever makes two teams at once makes them one after the other.
    await Account.findByPk(ownerId, { lock: transaction.LOCK.UPDATE, transaction });
    if ((await Team.count({ where: { ownerId }, transaction })) >= LIMITS.ownedTeams) {
      const advice = `You own ${LIMITS.ownedTeams} teams. Delete one, or hand one over.`;
      throw refusal("accounts/too-many-teams", advice);
    }
    const team = await Team.create({ ...terms, ownerId }, { transaction });
    const flags = { ...FLAGS_BY_DEFAULT, canDelete: true, canManageMembers: true };
    const owner = { role: "owner", ...flags, invitedById: null, joinedAt: new Date() } as const;
    await TeamMember.create({ teamId: team.id, accountId: ownerId, ...owner }, { transaction });
    await auditTeam("accounts.team-created", team.id, { after: told(team) }, by, transaction);
    return team;
  });
}

/** Changes what a team is called and looks like; what is not given stays. */
export async function changeTeam(
  database: Database,
  teamId: string,
  changes: { [K in keyof TeamTerms]?: TeamTerms[K] | undefined },
  by: Administrator,
): Promise<Team> {
  return inTransaction(database, async (transaction) => {
    const { team } = await holdTeam(teamId, by, "change", transaction);
    const before = told(team);
    const given = Object.entries(changes).filter(([, value]) => value !== undefined);
    const members = await TeamMember.count({ where: { teamId }, transaction });
    if (members > (changes.maxMembers ?? members)) {
      const advice = `The team has ${members} members. Take some out first, or allow that many.`;
      throw refusal("accounts/team-full", advice);
    }
    await team.update(Object.fromEntries(given), { transaction });
    const change = { before, after: told(team) };
    await auditTeam("accounts.team-changed", teamId, change, by, transaction);
    return team;
  });
}

/** Removes a team with its members and invitations; the audit stays. */
export async function deleteTeam(
  database: Database,
  teamId: string,
  by: Administrator,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const { team } = await holdTeam(teamId, by, "delete", transaction);
    await team.destroy({ transaction });
    await auditTeam("accounts.team-deleted", teamId, { before: told(team) }, by, transaction);
  });
}

/** Gives a member another place. Only those below one's own are reached, and none above it is given. */
export async function changeMember(
  database: Database,
  { teamId, accountId }: Pick<TeamMember, "teamId" | "accountId">,
  changes: { [K in keyof Place]?: Place[K] | undefined },
  by: Administrator,
): Promise<TeamMember> {
  return inTransaction(database, async (transaction) => {
    const { me } = await holdTeam(teamId, by, "manage", transaction);
    const member = await findMember(teamId, accountId, transaction);
    if (!mayManage(me, member)) throw notInTeam();
    const before = placeOf(member);
    const given = Object.entries(changes).filter(([, value]) => value !== undefined);
    member.set(Object.fromEntries(given));
    if (!mayGive(me, member)) throw notInTeam();
    await member.save({ transaction });
    if (!mayInTeam(member, "invite")) await withdrawOffers(member, transaction);
    const change = { before, after: { account: accountId, ...placeOf(member) } };
    await auditTeam("accounts.team-member-changed", teamId, change, by, transaction);
    return member;
  });
}

/** Takes a member out of a team. */
export async function removeMember(
  database: Database,
  { teamId, accountId }: Pick<TeamMember, "teamId" | "accountId">,
  by: Administrator,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const { me } = await holdTeam(teamId, by, "manage", transaction);
    const member = await findMember(teamId, accountId, transaction);
    if (!mayManage(me, member)) throw notInTeam();
    await withdrawOffers(member, transaction);
    await member.destroy({ transaction });
    const before = { account: accountId, ...placeOf(member) };
    await auditTeam("accounts.team-member-removed", teamId, { before }, by, transaction);
  });
}

/** Leaves a team. Its owner hands it over first. */
export async function leaveTeam(
  database: Database,
  teamId: string,
  by: Administrator,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const { me } = await holdTeam(teamId, by, "view", transaction);
    if (!mayInTeam(me, "leave")) {
      const advice = "You own this team. Hand it over first, or delete it.";
      throw refusal("accounts/team-owned", advice);
    }
    await withdrawOffers(me, transaction);
    await me.destroy({ transaction });
    const before = { account: me.accountId, ...placeOf(me) };
    await auditTeam("accounts.team-left", teamId, { before }, by, transaction);
  });
}

/** Hands a team over to one of its members; who owned it becomes an admin of it. */
export async function transferTeam(
  database: Database,
  { teamId, accountId }: Pick<TeamMember, "teamId" | "accountId">,
  by: Administrator,
): Promise<Team> {
  return inTransaction(database, async (transaction) => {
    const { team, me } = await holdTeam(teamId, by, "transfer", transaction);
    const member = await findMember(teamId, accountId, transaction);
    const account = await Account.findByPk(accountId, { transaction, rejectOnEmpty: true });
    if (!account.isActive) throw noMember();
    if (member.accountId === me.accountId) return team;
    await me.update({ role: "admin" }, { transaction });
    await member.update({ role: "owner" }, { transaction });
    await team.update({ ownerId: accountId }, { transaction });
    const change = { before: { owner: me.accountId }, after: { owner: accountId } };
    await auditTeam("accounts.team-transferred", teamId, change, by, transaction);
    return team;
  });
}

/**
 * A team, ours alone until the transaction ends, and the place of who asks in it. To everybody outside it looks as if
 * there were none.
 */
export async function holdTeam(
  teamId: string,
  { actor }: Pick<Administrator, "actor">,
  verb: TeamVerb,
  transaction: Transaction,
): Promise<{ team: Team; me: TeamMember }> {
  const team = await Team.findByPk(teamId, { lock: transaction.LOCK.UPDATE, transaction });
  const where = { teamId, accountId: actor.accountId };
  const me = team && (await TeamMember.findOne({ where, transaction }));
  if (!team || !me) throw noTeam();
  if (!mayInTeam(me, verb)) throw notInTeam();
  return { team, me };
}

/** Writes who changed what of a team; call it last in the transaction. */
export function auditTeam(
  action: string,
  teamId: string,
  changed: { before?: object; after?: object },
  by: Administrator,
  transaction: Transaction,
): Promise<void> {
  const subject = { subjectKind: "team", subjectId: teamId };
  return recordAudit({ ...originOf(by), action, ...subject, ...changed }, transaction);
}

/** A place as the audit tells it. */
export function placeOf({ role, canUpload, canDelete, canShare, canManageMembers }: Place) {
  return {
    role,
    can_upload: canUpload,
    can_delete: canDelete,
    can_share: canShare,
    can_manage_members: canManageMembers,
  };
}

/** The refusal of a team to those who are not in it. */
export function noTeam(): ReturnType<typeof refusal> {
  return refusal("accounts/team-not-found", "There is no such team.");
}

/** The refusal of what one's place in a team does not permit. */
export function notInTeam(): ReturnType<typeof refusal> {
  return refusal("accounts/not-allowed", "Your place in this team does not permit this.");
}

/** What somebody has offered who may not any more is offered no longer. */
async function withdrawOffers(
  { teamId, accountId }: TeamMember,
  transaction: Transaction,
): Promise<void> {
  const where = { teamId, invitedById: accountId, state: "open" } as const;
  await TeamInvitation.update({ state: "withdrawn" }, { where, transaction });
}

async function findMember(
  teamId: string,
  accountId: string,
  transaction: Transaction,
): Promise<TeamMember> {
  const member = await TeamMember.findOne({ where: { teamId, accountId }, transaction });
  if (!member) throw noMember();
  return member;
}

function noMember() {
  return refusal("accounts/member-not-found", "There is no such member of this team.");
}

function told({ name, description, avatar, maxMembers }: Team) {
  return { name, description, avatar, max_members: maxMembers };
}
