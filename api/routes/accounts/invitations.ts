import { mayGive, mayInTeam } from "../../../domain/accounts/teams.ts";
import {
  answerInvitation,
  invitationsOf,
  inviteToTeam,
  notInTeam,
  openInvitationsOf,
  withdrawInvitation as withdraw,
} from "../../../models/accounts.ts";
import { newId } from "../../../platform/crypto.ts";
import { carrierOf } from "../../../platform/messages/index.ts";
import { assertPerson, findTeam } from "../../policies/accounts.ts";
import { limitInvitations } from "../../policies/accounts/limits.ts";
import { route } from "../../route.ts";
import { Done } from "../../schemas/accounts.ts";
import {
  Invitation,
  InvitationId,
  InvitationOfTeam,
  InvitationOut,
  InvitationsOut,
  presentInvitation,
  presentTeam,
  readPlace,
  TeamId,
  TeamOut,
} from "../../schemas/accounts/teams.ts";

const OF_TEAM = "/api/v1/teams/:id/invitations";
const OWN = "/api/v1/invitations";

export const inviteMember = route({
  method: "post",
  path: OF_TEAM,
  summary: "Offer somebody a place in a team, by user name or e-mail address, and mail it to them",
  access: "signed-in",
  params: TeamId,
  body: Invitation,
  returns: [201, InvitationOut],
  async handle(call) {
    const { actor, params, body, services } = call;
    assertPerson(actor);
    const { username, email } = body;
    const invitee = username === undefined ? { email: email! } : { username };
    // What is refused for want of a right costs nothing of anybody's mails.
    const { own } = await findTeam(actor, params.id);
    const place = readPlace(body);
    if (!mayInTeam(own, "invite") || !mayGive(own, place)) throw notInTeam();
    const isMailed = carrierOf(services.env.messages, "email") !== undefined;
    if (isMailed) await limitInvitations(services, actor.accountId, email);
    const offer = { id: newId(), teamId: params.id, invitee, place, isMailed };
    const invitation = await inviteToTeam(services.database, offer, call);
    if (isMailed) await services.bus.announce({ type: "outbox.filled", data: {} });
    const { team } = await findTeam(actor, params.id);
    return presentInvitation(invitation, team);
  },
});

export const listInvitations = route({
  method: "get",
  path: OF_TEAM,
  summary: "The open invitations of a team, newest first",
  access: "signed-in",
  params: TeamId,
  returns: [200, InvitationsOut],
  async handle({ actor, params }) {
    assertPerson(actor);
    const { team, own } = await findTeam(actor, params.id);
    if (!mayInTeam(own, "invite")) throw notInTeam();
    const open = await openInvitationsOf(team.id);
    return { items: open.map((one) => presentInvitation(one, team)) };
  },
});

export const withdrawInvitation = route({
  method: "delete",
  path: `${OF_TEAM}/:invitation`,
  summary: "Take an invitation back",
  access: "signed-in",
  params: InvitationOfTeam,
  returns: [200, Done],
  async handle(call) {
    const { actor, params, services } = call;
    assertPerson(actor);
    await withdraw(services.database, { id: params.invitation, teamId: params.id }, call);
    return { message: "Invitation withdrawn", success: true as const };
  },
});

export const listOwnInvitations = route({
  method: "get",
  path: OWN,
  summary: "What you are invited to, newest first; by e-mail once your address is verified",
  access: "signed-in",
  returns: [200, InvitationsOut],
  async handle({ actor }) {
    assertPerson(actor);
    const open = await invitationsOf(actor.accountId);
    return { items: open.map(({ invitation, team }) => presentInvitation(invitation, team)) };
  },
});

export const acceptInvitation = route({
  method: "post",
  path: `${OWN}/:id/accept`,
  summary: "Join the team that you are invited to",
  access: "signed-in",
  params: InvitationId,
  returns: [200, TeamOut],
  async handle(call) {
    const { actor, params, services } = call;
    assertPerson(actor);
    const { teamId } = await answerInvitation(services.database, params.id, "accepted", call);
    const { team, own, members } = await findTeam(actor, teamId);
    return presentTeam(team, own, members);
  },
});

export const declineInvitation = route({
  method: "post",
  path: `${OWN}/:id/decline`,
  summary: "Decline an invitation to a team",
  access: "signed-in",
  params: InvitationId,
  returns: [200, Done],
  async handle(call) {
    const { actor, params, services } = call;
    assertPerson(actor);
    await answerInvitation(services.database, params.id, "declined", call);
    return { message: "Invitation declined", success: true as const };
  },
});
