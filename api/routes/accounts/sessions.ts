import { Op } from "sequelize";
import { refusal } from "../../../domain/errors.ts";
import { endSessions, revokeSession, Session } from "../../../models/accounts.ts";
import { page } from "../../../models/paging.ts";
import { assertPerson } from "../../policies/accounts.ts";
import { route } from "../../route.ts";
import { Done, PageQuery } from "../../schemas/accounts.ts";
import {
  presentSession,
  SessionId,
  SessionsEnded,
  SessionsOut,
} from "../../schemas/accounts/registration.ts";

export const listSessions = route({
  method: "get",
  path: "/api/v1/auth/sessions",
  summary: "Where you are signed in, newest first",
  access: "signed-in",
  query: PageQuery,
  returns: [200, SessionsOut],
  async handle({ actor, query }) {
    assertPerson(actor);
    const { accountId } = actor;
    const where = { accountId, revokedAt: null, expiresAt: { [Op.gt]: new Date() } };
    const { items, next } = await page(Session, {
      where,
      question: { accountId },
      index: "sessions_account_id_revoked_at_created_at_id",
      ...query,
    });
    return { items: items.map((session) => presentSession(session, actor.sessionId)), next };
  },
});

export const endSession = route({
  method: "delete",
  path: "/api/v1/auth/sessions/:id",
  summary: "End one of your sessions at once, with all its tokens",
  access: "signed-in",
  params: SessionId,
  returns: [200, Done],
  async handle({ actor, params, services, address, requestId }) {
    assertPerson(actor);
    const { accountId } = actor;
    const own = await Session.findOne({ attributes: ["id"], where: { id: params.id, accountId } });
    const origin = { actor, address, requestId };
    if (!own || !(await revokeSession(services.database, own.id, origin))) {
      throw refusal("accounts/session-not-found", "You have no such session.");
    }
    return { message: "Session ended", success: true as const };
  },
});

export const endAllSessions = route({
  method: "delete",
  path: "/api/v1/auth/sessions",
  summary: "End all your sessions at once, this one too",
  access: "signed-in",
  returns: [200, SessionsEnded],
  async handle({ actor, services, address, requestId }) {
    assertPerson(actor);
    const origin = { actor, address, requestId };
    const ended = await endSessions(services.database, actor.accountId, origin);
    return { message: "Sessions ended", success: true as const, ended };
  },
});
