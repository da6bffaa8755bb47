import { changeGrants, revokeApiKey } from "../../../models/accounts.ts";
import { assertPerson } from "../../policies/accounts.ts";
import { route } from "../../route.ts";
import {
  ApiKeyBody,
  ApiKeyOut,
  ApiKeysOut,
  Done,
  GrantsBody,
  KeyId,
  NewApiKeyOut,
  PageQuery,
  presentApiKey,
} from "../../schemas/accounts.ts";
import { grantsFor, issueKey, listKeys } from "./keys.ts";

export const createApiKey = route({
  method: "post",
  path: "/api/v1/api-keys",
  summary: "Make an API key; the answer shows it once",
  access: "signed-in",
  secret: true,
  body: ApiKeyBody,
  returns: [201, NewApiKeyOut],
  handle(call) {
    assertPerson(call.actor);
    return issueKey(call, call.actor.accountId);
  },
});

export const listApiKeys = route({
  method: "get",
  path: "/api/v1/api-keys",
  summary: "Your API keys, newest first, revoked ones too",
  access: "signed-in",
  query: PageQuery,
  returns: [200, ApiKeysOut],
  handle({ actor, query }) {
    assertPerson(actor);
    return listKeys(actor.accountId, query);
  },
});

export const changeApiKeyPackages = route({
  method: "put",
  path: "/api/v1/api-keys/:id/packages",
  summary: "Say anew which packages an API key is for, and what it may do with each; at once",
  access: "signed-in",
  params: KeyId,
  body: GrantsBody,
  returns: [200, ApiKeyOut],
  async handle({ actor, body, params, services, address, requestId }) {
    assertPerson(actor);
    const packages = await grantsFor(actor, body.packages);
    const which = { id: params.id, accountId: actor.accountId };
    const origin = { actor, address, requestId };
    const key = await changeGrants(services.database, which, packages, origin);
    await services.bus.announce({ type: "accounts.keys-changed", data: {} });
    return presentApiKey(key, packages);
  },
});

export const deleteApiKey = route({
  method: "delete",
  path: "/api/v1/api-keys/:id",
  summary: "Revoke an API key at once and for ever",
  access: "signed-in",
  params: KeyId,
  returns: [200, Done],
  async handle({ actor, params, services, address, requestId }) {
    assertPerson(actor);
    const { accountId } = actor;
    await revokeApiKey(
      services.database,
      { id: params.id, accountId },
      { actor, address, requestId },
    );
    await services.bus.announce({ type: "accounts.keys-changed", data: {} });
    return { message: "API key revoked", success: true as const };
  },
});
