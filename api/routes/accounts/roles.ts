import {
  assertWithin,
  changeRole as change,
  createRole as create,
  CustomRole,
  deleteRole as remove,
} from "../../../models/accounts.ts";
import { route } from "../../route.ts";
import { Done } from "../../schemas/accounts.ts";
import {
  NewRole,
  presentBuiltInRoles,
  presentRole,
  RoleName,
  RoleOut,
  RolesOut,
  RoleTerms,
} from "../../schemas/accounts/people.ts";

const PATH = "/api/v1/admin/roles";

export const listRoles = route({
  method: "get",
  path: PATH,
  summary: "All roles and what each permits, those first that come with the platform",
  access: "accounts:read",
  returns: [200, RolesOut],
  async handle() {
    const made = await CustomRole.findAll({ order: [["name", "ASC"]] });
    return { items: [...presentBuiltInRoles(), ...made.map(presentRole)] };
  },
});

export const createRole = route({
  method: "post",
  path: PATH,
  summary: "Make a role out of permissions that you have yourself",
  access: "accounts:administer",
  body: NewRole,
  returns: [201, RoleOut],
  async handle(call) {
    assertWithin(call.actor, call.body.permissions);
    return presentRole(await create(call.services.database, call.body, call));
  },
});

export const changeRole = route({
  method: "put",
  path: `${PATH}/:name`,
  summary: "Say anew what a role permits; at once, for everybody who has it",
  access: "accounts:administer",
  params: RoleName,
  body: RoleTerms,
  returns: [200, RoleOut],
  async handle(call) {
    const { actor, body, params, services } = call;
    assertWithin(actor, body.permissions);
    const terms = { ...params, ...body };
    const role = await change(services.database, terms, (held) => assertWithin(actor, held), call);
    await services.bus.announce({ type: "accounts.rights-changed", data: {} });
    return presentRole(role);
  },
});

export const deleteRole = route({
  method: "delete",
  path: `${PATH}/:name`,
  summary: "Remove a role that nobody has",
  access: "accounts:administer",
  params: RoleName,
  returns: [200, Done],
  async handle(call) {
    const { actor, params, services } = call;
    await remove(services.database, params.name, (held) => assertWithin(actor, held), call);
    return { message: "Role removed", success: true as const };
  },
});
