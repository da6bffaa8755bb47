import { COOKIE_MINUTES, COOKIE_STATUSES, FREEZE_SECONDS } from "../../../domain/proxies.ts";
import {
  changeCookie as change,
  cookiePlace,
  cookieStatus,
  createCookie as create,
  deleteCookie as remove,
  findCookie,
  freezeCookie as freeze,
  listCookies as list,
} from "../../../models/proxies/index.ts";
import { deriveKey, newId, seal, unseal } from "../../../platform/crypto.ts";
import { route } from "../../route.ts";
import {
  CookieChange,
  CookieOut,
  CookiesOut,
  CookiesQuery,
  Freeze,
  Frozen,
  NewCookie,
  presentCookie,
} from "../../schemas/proxies/cookies.ts";
import { Changed, Numbered, NumberedId } from "../../schemas/proxies/proxies.ts";

const PATH = "/api/v1/admin/cookies";

export const listCookies = route({
  method: "get",
  path: PATH,
  summary: "The cookies that downloads may use, without their content",
  access: "proxies:read",
  query: CookiesQuery,
  returns: [200, CookiesOut],
  async handle({ query: { platform, status, page, page_size } }) {
    const standing = status === undefined ? undefined : COOKIE_STATUSES[status];
    const { total, cookies } = await list({
      platform,
      status: standing,
      page,
      pageSize: page_size,
    });
    const items = cookies.map((row) => presentCookie(row, cookieStatus(row)));
    return { total, page, page_size, items };
  },
});

export const readCookie = route({
  method: "get",
  path: `${PATH}/:id`,
  summary: "Show one cookie with its content: whoever has it is signed in there",
  access: "proxies:administer",
  secret: true,
  params: NumberedId,
  returns: [200, CookieOut],
  async handle({ params, services }) {
    const row = await findCookie(params.id);
    const key = deriveKey(services.secretKey, "columns");
    const content = unseal(key, row.content, cookiePlace(row.id));
    return presentCookie(row, cookieStatus(row), content);
  },
});

export const createCookie = route({
  method: "post",
  path: PATH,
  summary: "Add a cookie file for a platform, good for ten minutes unless said otherwise",
  access: "proxies:administer",
  body: NewCookie,
  returns: [200, Numbered],
  async handle(call) {
    const { body, services } = call;
    const { platform, name, expire_at: expireAt } = body;
    const id = newId();
    const soon = new Date(Date.now() + COOKIE_MINUTES * 60_000);
    const terms = { id, platform, name, expireAt: expireAt === undefined ? soon : expireAt };
    const content = seal(deriveKey(services.secretKey, "columns"), body.content, cookiePlace(id));
    return { id: (await create(services.database, { ...terms, content }, call)).serial };
  },
});

export const changeCookie = route({
  method: "put",
  path: `${PATH}/:id`,
  summary: "Change a cookie; what is not said stays, and new content thaws it",
  access: "proxies:administer",
  params: NumberedId,
  body: CookieChange,
  returns: [200, Changed],
  async handle(call) {
    const { params, services } = call;
    const { name, content, expire_at: expireAt } = call.body;
    const { id } = await findCookie(params.id);
    const key = deriveKey(services.secretKey, "columns");
    const said = {
      ...(name !== undefined && { name }),
      ...(content !== undefined && { content: seal(key, content, cookiePlace(id)) }),
      ...(expireAt !== undefined && { expireAt }),
    };
    await change(services.database, params.id, said, call);
    return { success: true as const };
  },
});

export const deleteCookie = route({
  method: "delete",
  path: `${PATH}/:id`,
  summary: "Remove a cookie and its content",
  access: "proxies:administer",
  params: NumberedId,
  returns: [200, Changed],
  async handle(call) {
    await remove(call.services.database, call.params.id, call);
    return { success: true as const };
  },
});

export const freezeCookie = route({
  method: "post",
  path: `${PATH}/:id/freeze`,
  summary: "Let a cookie rest, for five minutes unless said otherwise",
  access: "proxies:administer",
  params: NumberedId,
  body: Freeze,
  returns: [200, Frozen],
  async handle(call) {
    const { freeze_seconds: asked = 0 } = call.body;
    const seconds = asked > 0 ? asked : FREEZE_SECONDS;
    const until = await freeze(call.services.database, call.params.id, seconds, call);
    return { success: true as const, frozen_until: until.toISOString() };
  },
});
