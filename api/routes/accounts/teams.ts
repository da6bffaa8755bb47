import type { Actor } from "../../../domain/accounts.ts";
import {
  Account,
  changeMember,
  changeTeam as change,
  createTeam as create,
  deleteTeam as remove,
  leaveTeam as leave,
  membersOf,
  removeMember,
  teamsOf,
  transferTeam as transfer,
} from "../../../models/accounts.ts";
import { newId } from "../../../platform/crypto.ts";
import { assertPerson, findTeam } from "../../policies/accounts.ts";
import { route } from "../../route.ts";
import { Done } from "../../schemas/accounts.ts";
import {
  MemberId,
  MemberOut,
  MembersOut,
  NewTeam,
  PlaceChange,
  presentMember,
  presentTeam,
  readPlace,
  TeamChange,
  TeamId,
  TeamOut,
  TeamsOut,
  Transfer,
} from "../../schemas/accounts/teams.ts";

const PATH = "/api/v1/teams";

export const listTeams = route({
  method: "get",
  path: PATH,
  summary: "The teams that you are in, those first that you joined last",
  access: "signed-in",
  returns: [200, TeamsOut],
  async handle({ actor }) {
    assertPerson(actor);
    const found = await teamsOf(actor.accountId);
    return { items: found.map(({ team, own, members }) => presentTeam(team, own, members)) };
  },
});

export const createTeam = route({
  method: "post",
  path: PATH,
  summary: "Make a team; it is yours until you hand it over",
  access: "signed-in",
  body: NewTeam,
  returns: [201, TeamOut],
  async handle(call) {
    const { actor, body, services } = call;
    assertPerson(actor);
    const { max_members: maxMembers, ...terms } = body;
    const { id } = await create(services.database, { id: newId(), ...terms, maxMembers }, call);
    return showTeam(actor, id);
  },
});

export const readTeam = route({
  method: "get",
  path: `${PATH}/:id`,
  summary: "Show a team, your place in it and what that permits",
  access: "signed-in",
  params: TeamId,
  returns: [200, TeamOut],
  handle: ({ actor, params }) => showTeam(actor, params.id),
});

export const changeTeam = route({
  method: "patch",
  path: `${PATH}/:id`,
  summary: "Change a team's name, its looks, or how many it takes",
  access: "signed-in",
  params: TeamId,
  body: TeamChange,
  returns: [200, TeamOut],
  async handle(call) {
    const { actor, params, body, services } = call;
    assertPerson(actor);
    const { max_members: maxMembers, ...terms } = body;
    await change(services.database, params.id, { ...terms, maxMembers }, call);
    return showTeam(actor, params.id);
  },
});

export const deleteTeam = route({
  method: "delete",
  path: `${PATH}/:id`,
  summary: "Remove a team that is yours",
  access: "signed-in",
  params: TeamId,
  returns: [200, Done],
  async handle(call) {
    assertPerson(call.actor);
    await remove(call.services.database, call.params.id, call);
    return { message: "Team removed", success: true as const };
  },
});

export const listMembers = route({
  method: "get",
  path: `${PATH}/:id/members`,
  summary: "The members of a team, in the order in which they joined",
  access: "signed-in",
  params: TeamId,
  returns: [200, MembersOut],
  async handle({ actor, params }) {
    assertPerson(actor);
    await findTeam(actor, params.id);
    const found = await membersOf(params.id);
    return { items: found.map(({ member, account }) => presentMember(member, account)) };
  },
});

export const changeTeamMember = route({
  method: "patch",
  path: `${PATH}/:id/members/:member`,
  summary: "Give a member another role, or other flags",
  access: "signed-in",
  params: MemberId,
  body: PlaceChange,
  returns: [200, MemberOut],
  async handle(call) {
    const { actor, params, body, services } = call;
    assertPerson(actor);
    const which = { teamId: params.id, accountId: params.member };
    const member = await changeMember(services.database, which, readPlace(body), call);
    const account = await Account.findByPk(params.member, { rejectOnEmpty: true });
    return presentMember(member, account);
  },
});

export const removeTeamMember = route({
  method: "delete",
  path: `${PATH}/:id/members/:member`,
  summary: "Take a member out of a team",
  access: "signed-in",
  params: MemberId,
  returns: [200, Done],
  async handle(call) {
    const { actor, params, services } = call;
    assertPerson(actor);
    const which = { teamId: params.id, accountId: params.member };
    await removeMember(services.database, which, call);
    return { message: "Member removed", success: true as const };
  },
});

export const leaveTeam = route({
  method: "post",
  path: `${PATH}/:id/leave`,
  summary: "Leave a team; its owner hands it over first",
  access: "signed-in",
  params: TeamId,
  returns: [200, Done],
  async handle(call) {
    assertPerson(call.actor);
    await leave(call.services.database, call.params.id, call);
    return { message: "You have left the team", success: true as const };
  },
});

export const transferTeam = route({
  method: "post",
  path: `${PATH}/:id/transfer`,
  summary: "Hand a team over to one of its members; you become an admin of it",
  access: "signed-in",
  params: TeamId,
  body: Transfer,
  returns: [200, TeamOut],
  async handle(call) {
    const { actor, params, body, services } = call;
    assertPerson(actor);
    const which = { teamId: params.id, accountId: body.member };
    await transfer(services.database, which, call);
    return showTeam(actor, params.id);
  },
});

/** A team as it is now, to one of its members. */
async function showTeam(actor: Actor, id: string) {
  assertPerson(actor);
  const { team, own, members } = await findTeam(actor, id);
  return presentTeam(team, own, members);
}
