import type { Actor } from "../../../domain/accounts.ts";
import { refusal } from "../../../domain/errors.ts";
import { Account, assertWithin, permissionsOf, revokeApiKey } from "../../../models/accounts.ts";
import { assertPerson } from "../../policies/accounts.ts";
import { route } from "../../route.ts";
import { ApiKeyBody, ApiKeysOut, Done, NewApiKeyOut, PageQuery } from "../../schemas/accounts.ts";
import { KeyOfUser, UserId } from "../../schemas/accounts/people.ts";
import { issueKey, listKeys } from "./keys.ts";

const PATH = "/api/v1/admin/users/:id/api-keys";

export const createServiceKey = route({
  method: "post",
  path: PATH,
  summary: "Make an API key for a service; the answer shows it once",
  access: "accounts:administer",
  secret: true,
  params: UserId,
  body: ApiKeyBody,
  returns: [201, NewApiKeyOut],
  async handle(call) {
    assertPerson(call.actor);
    const account = await findSubject(call.actor, call.params.id);
    if (!account.isService) {
      const advice = "People make their own keys. Make a service account for a program.";
      throw refusal("accounts/not-a-service", advice);
    }
    return issueKey(call, account.id);
  },
});

export const listUserKeys = route({
  method: "get",
  path: PATH,
  summary: "The API keys of an account, newest first, revoked ones too",
  access: "accounts:read",
  params: UserId,
  query: PageQuery,
  returns: [200, ApiKeysOut],
  handle: async ({ params, query }) => listKeys((await findAccount(params.id)).id, query),
});

export const revokeUserKey = route({
  method: "delete",
  path: `${PATH}/:key`,
  summary: "Revoke an API key of an account at once and for ever",
  access: "accounts:administer",
  params: KeyOfUser,
  returns: [200, Done],
  async handle({ actor, params, services, address, requestId }) {
    const { id: accountId } = await findSubject(actor, params.id);
    const origin = { actor, address, requestId };
    await revokeApiKey(services.database, { id: params.key, accountId }, origin);
    await services.bus.announce({ type: "accounts.keys-changed", data: {} });
    return { message: "API key revoked", success: true as const };
  },
});

/** An account that may do no more than who asks. */
async function findSubject(actor: Actor, id: string): Promise<Account> {
  const account = await findAccount(id);
  assertWithin(actor, await permissionsOf(account.role));
  return account;
}

async function findAccount(id: string): Promise<Account> {
  const account = await Account.findByPk(id);
  if (!account) throw refusal("accounts/user-not-found", "There is no such user.");
  return account;
}
