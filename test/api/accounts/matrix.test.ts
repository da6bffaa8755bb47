import { expect, test } from "vitest";
import type { Route } from "../../../api/route.ts";
import { routes } from "../../../api/routes/index.ts";
import { type Actor, ROLES } from "../../../domain/accounts.ts";
import { Account } from "../../../models/accounts.ts";
import { inTransaction } from "../../../models/database.ts";
import { newId } from "../../../platform/crypto.ts";
import { bearer, makePerson, startWithAdmin } from "../../support/accounts.ts";
import type { StartedApi } from "../../support/api.ts";
import { titleOf } from "../../support/package-calls.ts";

/** What somebody must be signed in for. */
const CLOSED = Object.values(routes).filter(({ access }) => access !== "public");

/** Calls a route about nothing that there is, with nothing in it: whoever is let in hears of that. */
async function knock(api: StartedApi, route: Route, asking: Actor | string | undefined) {
  const path = route.path.replaceAll(/:(\w+)/g, (_, part: string) => (part === "id" ? "1" : part));
  const token = typeof asking === "object" ? api.tokenOf(asking) : asking;
  const shown = route.credential ? { "X-API-Key": token ?? "" } : bearer(token ?? "");
  const json = route.body ? { nothing: true } : undefined;
  const { status, body } = await api.call(undefined, route.method.toUpperCase(), path, {
    ...(token !== undefined && { headers: shown }),
    ...(json && { json }),
  });
  expect(status, titleOf(route)).not.toBe(500);
  return { status, code: (body.error_code ?? body.code) as string | undefined };
}

test.each(Object.entries(ROLES))(
  "%s is let in by every route that the role permits, and by no other",
  async (role, permissions) => {
    const api = await startWithAdmin();
    const { id } = await makePerson(api, role);
    const actor = { accountId: id, name: role, permissions };
    const wrong: string[] = [];

    for (const route of CLOSED) {
      const { code } = await knock(api, route, actor);
      const may = (["signed-in", ...permissions] as string[]).includes(route.access);
      if ((code === "accounts/not-allowed") === may) wrong.push(`${titleOf(route)}: ${code}`);
    }

    expect(wrong).toEqual([]);
  },
);

test("nobody, and nobody whose account is off, is let in anywhere", async () => {
  const api = await startWithAdmin();
  const off = await makePerson(api, "admin", "off");
  await inTransaction(api.services.database, (transaction) =>
    Account.update({ isActive: false }, { where: { id: off.id }, transaction }),
  );
  const outside = CLOSED.filter(({ credential }) => credential === undefined);
  const wrong: string[] = [];

  for (const route of outside) {
    for (const token of [undefined, off.token, `${off.token}x`, newId()]) {
      const { status, code } = await knock(api, route, token);
      if (status !== 401 || code !== "accounts/not-signed-in") wrong.push(titleOf(route));
    }
  }

  expect(wrong).toEqual([]);
  expect(outside.length).toBeGreaterThan(60);
});
