import { PROXY_STATUSES } from "../../../domain/proxies.ts";
import {
  changeProxy as change,
  createProxy as create,
  deleteProxy as remove,
  listProxies as list,
  proxyPlace,
  findProxy,
  setProxyStatus as setStatus,
} from "../../../models/proxies/index.ts";
import { deriveKey, newId, seal } from "../../../platform/crypto.ts";
import { route } from "../../route.ts";
import {
  Changed,
  NewProxy,
  Numbered,
  NumberedId,
  presentProxy,
  ProxiesOut,
  ProxiesQuery,
  ProxyChange,
  proxyTermsOf,
  StatusChange,
} from "../../schemas/proxies/proxies.ts";
import type { Services } from "../../services.ts";

const PATH = "/api/v1/admin/proxies";

export const listProxies = route({
  method: "get",
  path: PATH,
  summary: "The pool of proxies, how each has done and how many downloads go through it now",
  access: "proxies:read",
  query: ProxiesQuery,
  returns: [200, ProxiesOut],
  async handle({ query: { page, page_size, sort_by, sort_order, status, ...question } }) {
    const found = await list({
      ...question,
      ...(status !== undefined && { status: PROXY_STATUSES[status]! }),
      page,
      pageSize: page_size,
      sortBy: sort_by,
      sortOrder: sort_order,
    });
    const items = found.items.map(({ proxy, leases }) => presentProxy(proxy, leases));
    return { items, pagination: { page, page_size, total: found.total } };
  },
});

export const createProxy = route({
  method: "post",
  path: PATH,
  summary: "Add a proxy to the pool; from the first one on nothing is downloaded without a proxy",
  access: "proxies:administer",
  body: NewProxy,
  returns: [200, Numbered],
  async handle(call) {
    const { body, services } = call;
    const id = newId();
    const status = PROXY_STATUSES[body.status]!;
    const password = sealed(services, id, body.password);
    const terms = { ...proxyTermsOf(body), id, status, password };
    return { id: (await create(services.database, terms, call)).serial };
  },
});

export const changeProxy = route({
  method: "put",
  path: `${PATH}/:id`,
  summary: "Change a proxy of the pool; an empty password keeps the one there is",
  access: "proxies:administer",
  params: NumberedId,
  body: ProxyChange,
  returns: [200, Changed],
  async handle(call) {
    const { body, params, services } = call;
    const { id } = await findProxy(params.id);
    const password = sealed(services, id, body.password);
    const terms = { ...proxyTermsOf(body), ...(password && { password }) };
    await change(services.database, params.id, terms, call);
    return { success: true as const };
  },
});

export const setProxyStatus = route({
  method: "patch",
  path: `${PATH}/:id/status`,
  summary: "Say whether a proxy may be used: 0 yes, 1 no, 2 it is being looked at",
  access: "proxies:administer",
  params: NumberedId,
  body: StatusChange,
  returns: [200, Changed],
  async handle(call) {
    const status = PROXY_STATUSES[call.body.status]!;
    await setStatus(call.services.database, call.params.id, status, call);
    return { success: true as const };
  },
});

export const deleteProxy = route({
  method: "delete",
  path: `${PATH}/:id`,
  summary: "Take a proxy out of the pool and forget its password",
  access: "proxies:administer",
  params: NumberedId,
  returns: [200, Changed],
  async handle(call) {
    await remove(call.services.database, call.params.id, call);
    return { success: true as const };
  },
});

function sealed({ secretKey }: Services, id: string, password: string | null): string | null {
  return password && seal(deriveKey(secretKey, "columns"), password, proxyPlace(id));
}
