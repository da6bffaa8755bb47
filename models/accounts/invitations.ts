import { Op, type Transaction, type WhereOptions } from "sequelize";
import { v7 as newId } from "uuid";
import { mayGive, type Place } from "../../domain/accounts/teams.ts";
import { refusal } from "../../domain/errors.ts";
import { workflowId } from "../../domain/ids.ts";
import { LIMITS } from "../../domain/limits.ts";
import { secondsAfter } from "../columns.ts";
import { type Database, inTransaction } from "../database.ts";
import { enqueue } from "../operations.ts";
import type { Administrator } from "./audit.ts";
import { Account } from "./tables.ts";
import { Team, TeamInvitation, TeamMember } from "./team-tables.ts";
import { auditTeam, holdTeam, notInTeam, placeOf } from "./teams.ts";

const DAY_SECONDS = 86_400;

/** Whom an invitation is for. */
export type Invitee = { username: string } | { email: string };

/** A place in a team that somebody is to be offered. */
export interface Offer {
  id: string;
  teamId: string;
  invitee: Invitee;
  place: Place;
  /** True where the platform mails: then they are told, if there is an address of theirs. */
  isMailed: boolean;
}

/** Offers somebody a place in a team; an offer that was open to them is replaced. */
export async function inviteToTeam(
  database: Database,
  { id, teamId, invitee, place, isMailed }: Offer,
  by: Administrator,
): Promise<TeamInvitation> {
  return inTransaction(database, async (transaction) => {
    const { me } = await holdTeam(teamId, by, "invite", transaction);
    if (!mayGive(me, place)) throw notInTeam();
    const whom = await addresseeOf(invitee, transaction);
    await assertOutside(teamId, whom, transaction);
    const open = { teamId, state: "open" } as const;
    const withdrawn = { state: "withdrawn" } as const;
    await TeamInvitation.update(withdrawn, { where: { ...open, ...whom }, transaction });
    if ((await TeamInvitation.count({ where: open, transaction })) >= LIMITS.openInvitations) {
      const advice = `${LIMITS.openInvitations} invitations are open. Withdraw one first.`;
      throw refusal("accounts/team-full", advice);
    }
    const expiresAt = secondsAfter(new Date(), LIMITS.invitationDays * DAY_SECONDS);
    const from = { invitedById: by.actor.accountId, invitedBy: by.actor.name };
    const invitation = await TeamInvitation.create(
      { id, ...open, ...whom, ...place, ...from, expiresAt },
      { transaction },
    );
    if (isMailed) await orderMail(invitation, by, transaction);
    const after = { invitation: id, ...invitee, ...placeOf(place) };
    await auditTeam("accounts.team-invited", teamId, { after }, by, transaction);
    return invitation;
  });
}

/** Whom an open invitation is mailed to, and what for; undefined when it has ended, or there is no proven address. */
export async function findAddressee(
  id: string,
  now = new Date(),
): Promise<{ address: string; team: string; from: string } | undefined> {
  const invitation = await TeamInvitation.findOne({ where: { id, ...stillOpen(now) } });
  const address = invitation && (await addressOf(invitation));
  const team = invitation && (await Team.findByPk(invitation.teamId));
  if (!address || !team) return undefined;
  return { address, team: team.name, from: invitation.invitedBy };
}

/** Orders the workflow that mails an invitation, if it has an address to go to. */
async function orderMail(
  invitation: TeamInvitation,
  { actor, requestId }: Administrator,
  transaction: Transaction,
): Promise<void> {
  if (!(await addressOf(invitation, transaction))) return;
  const { id: invitationId } = invitation;
  await enqueue(
    {
      id: newId(),
      workflow: "invitationDelivery",
      workflowId: workflowId("invitation", invitationId),
      input: { invitationId },
      command: null,
      summary: "Mail an invitation to a team",
      kind: "invitation",
      subject: invitationId,
      headers: { accountId: actor.accountId, actorName: actor.name, requestId },
    },
    transaction,
  );
}

async function addressOf(
  { accountId, email }: TeamInvitation,
  transaction: Transaction | null = null,
): Promise<string | null> {
  if (email !== null) return email;
  const account = accountId ? await Account.findByPk(accountId, { transaction }) : null;
  return account?.emailVerifiedAt ? account.email : null;
}

/** Takes an invitation back. */
export async function withdrawInvitation(
  database: Database,
  { id, teamId }: Pick<TeamInvitation, "id" | "teamId">,
  by: Administrator,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await holdTeam(teamId, by, "invite", transaction);
    const where = { id, teamId, state: "open" } as const;
    const [taken] = await TeamInvitation.update({ state: "withdrawn" }, { where, transaction });
    if (taken === 0) throw noInvitation();
    const before = { invitation: id };
    await auditTeam("accounts.team-invitation-withdrawn", teamId, { before }, by, transaction);
  });
}

/** The open invitations of a team, newest first. */
export function openInvitationsOf(teamId: string, now = new Date()): Promise<TeamInvitation[]> {
  return TeamInvitation.findAll({
    where: { teamId, ...stillOpen(now) },
    order: [["createdAt", "DESC"]],
  });
}

/** The open invitations of a person, each with its team: by name, and by their e-mail address once it is proven. */
export async function invitationsOf(
  accountId: string,
  now = new Date(),
): Promise<{ invitation: TeamInvitation; team: Team }[]> {
  const account = await Account.findByPk(accountId);
  if (!account) return [];
  const mine: WhereOptions<TeamInvitation> = { [Op.and]: [addressed(account), stillOpen(now)] };
  const found = await TeamInvitation.findAll({ where: mine, order: [["createdAt", "DESC"]] });
  const teams = await Team.findAll({ where: { id: found.map(({ teamId }) => teamId) } });
  const byId = new Map(teams.map((team) => [team.id, team]));
  return found.flatMap((invitation) => {
    const team = byId.get(invitation.teamId);
    return team ? [{ invitation, team }] : [];
  });
}

/** Answers one's own invitation, once: joins the team with the place that was offered, or not. */
export async function answerInvitation(
  database: Database,
  id: string,
  state: "accepted" | "declined",
  by: Administrator,
  now = new Date(),
): Promise<TeamInvitation> {
  return inTransaction(database, async (transaction) => {
    const { accountId } = by.actor;
    const account = await Account.findByPk(accountId, { transaction });
    if (!account) throw noInvitation();
    const where: WhereOptions<TeamInvitation> = {
      [Op.and]: [{ id }, addressed(account), stillOpen(now)],
    };
    const seen = await TeamInvitation.findOne({ where, transaction });
    // The team first, as everybody does who changes one.
    const lock = transaction.LOCK.UPDATE;
    const team = seen && (await Team.findByPk(seen.teamId, { lock, transaction }));
    const [answered] = team ? await TeamInvitation.update({ state }, { where, transaction }) : [0];
    if (!team || answered === 0) throw noInvitation();
    const invitation = await seen.reload({ transaction });
    if (state === "accepted") await join(team, invitation, accountId, transaction);
    const after = { invitation: id, account: accountId, ...placeOf(invitation) };
    await auditTeam(`accounts.team-invitation-${state}`, team.id, { after }, by, transaction);
    return invitation;
  });
}

async function join(
  team: Team,
  invitation: TeamInvitation,
  accountId: string,
  transaction: Transaction,
): Promise<void> {
  const teamId = team.id;
  await assertOutside(teamId, { accountId, email: null }, transaction);
  const most = Math.min(team.maxMembers ?? LIMITS.teamMembers, LIMITS.teamMembers);
  if ((await TeamMember.count({ where: { teamId }, transaction })) >= most) {
    throw refusal(
      "accounts/team-full",
      `This team has ${most} members already, and takes no more.`,
    );
  }
  const { role, canUpload, canDelete, canShare, canManageMembers, invitedById } = invitation;
  const place = { role, canUpload, canDelete, canShare, canManageMembers };
  await TeamMember.create(
    { teamId, accountId, ...place, invitedById, joinedAt: new Date() },
    { transaction },
  );
}

async function addresseeOf(
  invitee: Invitee,
  transaction: Transaction,
): Promise<Pick<TeamInvitation, "accountId" | "email">> {
  // Whether an address is somebody's is not told: whoever proves to hold it finds the invitation.
  if ("email" in invitee) return { accountId: null, email: invitee.email.toLowerCase() };
  const where = { username: invitee.username, isService: false, isActive: true };
  const account = await Account.findOne({ where, transaction });
  if (!account) throw refusal("accounts/user-not-found", "There is nobody of this user name.");
  return { accountId: account.id, email: null };
}

async function assertOutside(
  teamId: string,
  { accountId }: Pick<TeamInvitation, "accountId" | "email">,
  transaction: Transaction,
): Promise<void> {
  if (!accountId || !(await TeamMember.count({ where: { teamId, accountId }, transaction })))
    return;
  throw refusal("accounts/already-member", "They are a member of this team already.");
}

/** An address that nobody has proven to hold receives nothing. */
function addressed({ id: accountId, email, emailVerifiedAt }: Account) {
  return { [Op.or]: [{ accountId }, ...(email && emailVerifiedAt ? [{ email }] : [])] };
}

function stillOpen(now: Date) {
  return { state: "open", expiresAt: { [Op.gt]: now } };
}

function noInvitation() {
  return refusal("accounts/invitation-not-found", "There is no such open invitation.");
}
