import { randomBytes } from "node:crypto";
import { refusal } from "../../../domain/errors.ts";
import {
  Account,
  changeStanding,
  createAccount,
  pageOfPeople,
  permissionsOf,
  resetTotp,
  signOutEverywhere,
} from "../../../models/accounts.ts";
import { newId } from "../../../platform/crypto.ts";
import { hashNewPassword } from "../../policies/accounts/passwords.ts";
import { route } from "../../route.ts";
import { Done } from "../../schemas/accounts.ts";
import {
  NewPersonOut,
  NewUser,
  PeopleOut,
  PersonOut,
  PersonWithRights,
  presentPerson,
  SignedOutOut,
  UserId,
  UsersQuery,
  UserStanding,
} from "../../schemas/accounts/people.ts";

const PATH = "/api/v1/admin/users";

export const listUsers = route({
  method: "get",
  path: PATH,
  summary: "All accounts, newest first; with `q`, those of a user name, phone or e-mail address",
  access: "accounts:read",
  query: UsersQuery,
  returns: [200, PeopleOut],
  async handle({ query: { q, role, active, service, ...place } }) {
    const filters = { q, role, isActive: active, isService: service };
    const { items, next } = await pageOfPeople(filters, place);
    return { items: items.map(presentPerson), next };
  },
});

export const createUser = route({
  method: "post",
  path: PATH,
  summary: "Make an account; without a password one is made, and shown once",
  access: "accounts:administer",
  secret: true,
  body: NewUser,
  returns: [201, NewPersonOut],
  async handle(call) {
    const { username, role, service: isService, password: chosen } = call.body;
    const { database, passwords } = call.services;
    const made = chosen === undefined ? randomBytes(18).toString("base64url") : null;
    const passwordHash =
      chosen === undefined
        ? await passwords.hash(made!)
        : await hashNewPassword(call.services, chosen, "password");
    const account = await createAccount(
      database,
      { id: newId(), username, passwordHash, role, isService },
      call,
    );
    return { ...presentPerson(account), password: isService ? null : made };
  },
});

export const readUser = route({
  method: "get",
  path: `${PATH}/:id`,
  summary: "Show an account and what it may do",
  access: "accounts:read",
  params: UserId,
  returns: [200, PersonWithRights],
  async handle({ params }) {
    const account = await Account.findByPk(params.id);
    if (!account) throw refusal("accounts/user-not-found", "There is no such user.");
    const permissions = [...(await permissionsOf(account.role))];
    return { ...presentPerson(account), permissions };
  },
});

export const changeUser = route({
  method: "patch",
  path: `${PATH}/:id`,
  summary: "Give an account another role or level, or switch it off or on; at once",
  access: "accounts:administer",
  params: UserId,
  body: UserStanding,
  returns: [200, PersonOut],
  async handle(call) {
    const { params, body, services } = call;
    const { role, is_active: isActive, member_level: memberLevel } = body;
    const standing = { role, isActive, memberLevel };
    const account = await changeStanding(services.database, params.id, standing, call);
    await services.bus.announce({ type: "accounts.rights-changed", data: {} });
    return presentPerson(account);
  },
});

export const signUserOut = route({
  method: "post",
  path: `${PATH}/:id/sign-out`,
  summary: "End every session of an account at once",
  access: "accounts:administer",
  params: UserId,
  returns: [200, SignedOutOut],
  async handle(call) {
    const { params, services } = call;
    const sessions = await signOutEverywhere(services.database, params.id, call);
    await services.bus.announce({ type: "accounts.rights-changed", data: {} });
    return { sessions };
  },
});

export const resetUserTotp = route({
  method: "delete",
  path: `${PATH}/:id/totp`,
  summary: "Take the second proof from somebody who has lost it, and end their sessions",
  access: "accounts:administer",
  params: UserId,
  returns: [200, Done],
  async handle(call) {
    const { params, services } = call;
    await resetTotp(services.database, params.id, call);
    await services.bus.announce({ type: "accounts.rights-changed", data: {} });
    return { message: "Second proof reset", success: true as const };
  },
});
