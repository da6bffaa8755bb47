import { describe, expect, test } from "vitest";
import { PERMISSIONS } from "../../../domain/accounts.ts";
import { refusalIn } from "../../../domain/errors.ts";
import {
  Account,
  changeStanding,
  createRole,
  CustomRole,
  deleteRole,
  permissionsOf,
} from "../../../models/accounts.ts";
import type { Database } from "../../../models/database.ts";
import { newId } from "../../../platform/crypto.ts";
import { describeDatabases } from "../../support/database.ts";

async function makeAdmin(role = "admin") {
  const id = newId();
  await Account.create({ id, username: `u-${id}`, passwordHash: "h", role });
  const actor = { accountId: id, name: `u-${id}`, permissions: PERMISSIONS };
  return { actor, address: "127.0.0.1", requestId: "r-1" };
}

type Administrator = Awaited<ReturnType<typeof makeAdmin>>;

const switchOff = (database: Database, by: Administrator, whom: Administrator) =>
  changeStanding(database, whom.actor.accountId, { isActive: false }, by);

const codesOf = (outcomes: PromiseSettledResult<unknown>[]) =>
  outcomes
    .map((one) =>
      one.status === "rejected" ? (refusalIn(one.reason)?.code ?? String(one.reason)) : "done",
    )
    .sort();

describeDatabases(({ open }) => {
  describe("people who change each other", () => {
    test("of two administrators who switch each other off one is left", async () => {
      const database = await open();

      for (let round = 0; round < 5; round++) {
        const one = await makeAdmin();
        const other = await makeAdmin();
        const outcomes = await Promise.allSettled([
          switchOff(database, one, other),
          switchOff(database, other, one),
        ]);

        expect(codesOf(outcomes)).toEqual(["accounts/not-allowed", "done"]);
        const ids = [one, other].map(({ actor }) => actor.accountId);
        expect(await Account.count({ where: { id: ids, isActive: true } })).toBe(1);
      }
    });

    test("a role that is given while it is removed is either there, or not given", async () => {
      const database = await open();
      const by = await makeAdmin();

      for (let round = 0; round < 5; round++) {
        const name = `role-${round}`;
        const { actor: whom } = await makeAdmin("user");
        await createRole(database, { name, description: "", permissions: ["audit:read"] }, by);
        await Promise.allSettled([
          changeStanding(database, whom.accountId, { role: name }, by),
          deleteRole(database, name, () => undefined, by),
        ]);

        const holders = await Account.count({ where: { role: name } });
        expect(await CustomRole.count({ where: { name } })).toBe(holders);
      }
    });
  });

  test("a role permits what it says, and a name that is no role permits nothing", async () => {
    const database = await open();
    const by = await makeAdmin();
    await createRole(
      database,
      { name: "auditor", description: "", permissions: ["audit:read"] },
      by,
    );

    expect(await permissionsOf("auditor")).toEqual(["audit:read"]);
    expect(await permissionsOf("admin")).toEqual(PERMISSIONS);
    expect(await permissionsOf("constructor")).toEqual([]);
    expect(await permissionsOf("nobody")).toEqual([]);
  });
});
