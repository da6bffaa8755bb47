import { describe, expect, test } from "vitest";
import { FLAGS_BY_DEFAULT } from "../../../domain/accounts/teams.ts";
import { refusalIn } from "../../../domain/errors.ts";
import {
  Account,
  answerInvitation,
  changeTeam,
  createTeam,
  inviteToTeam,
  leaveTeam,
  removeMember,
  Team,
  TeamMember,
  transferTeam,
} from "../../../models/accounts.ts";
import type { Database } from "../../../models/database.ts";
import { newId } from "../../../platform/crypto.ts";
import { describeDatabases } from "../../support/database.ts";

async function makeMate() {
  const id = newId();
  await Account.create({ id, username: `u-${id}`, passwordHash: "h", role: "user" });
  const actor = { accountId: id, name: `u-${id}`, permissions: [] };
  return { actor, address: "127.0.0.1", requestId: "r-1" };
}

type Mate = Awaited<ReturnType<typeof makeMate>>;

async function makeTeam(database: Database) {
  const owner = await makeMate();
  const terms = { name: "Comets", description: null, avatar: null, maxMembers: null };
  const { id: teamId } = await createTeam(database, { id: newId(), ...terms }, owner);
  const invite = async (whom: Mate) => {
    const invitee = { username: whom.actor.name };
    const place = { role: "member" as const, ...FLAGS_BY_DEFAULT };
    const offer = { id: newId(), teamId, invitee, place, isMailed: false };
    return (await inviteToTeam(database, offer, owner)).id;
  };
  const join = async (whom: Mate) => {
    await answerInvitation(database, await invite(whom), "accepted", whom);
    return { teamId, accountId: whom.actor.accountId };
  };
  return { owner, teamId, invite, join };
}

const codesOf = (outcomes: PromiseSettledResult<unknown>[]) =>
  outcomes.map((one) =>
    one.status === "rejected" ? (refusalIn(one.reason)?.code ?? String(one.reason)) : "done",
  );

describeDatabases(({ open }) => {
  describe("a team", () => {
    test("takes no more members than it may have, however many accept at once", async () => {
      const database = await open();
      const { owner, teamId, invite } = await makeTeam(database);
      await changeTeam(database, teamId, { maxMembers: 3 }, owner);
      const mates = await Promise.all(Array.from({ length: 6 }, makeMate));
      const offers: [Mate, string][] = [];
      for (const mate of mates) offers.push([mate, await invite(mate)]);

      const outcomes = await Promise.allSettled(
        offers.map(([mate, id]) => answerInvitation(database, id, "accepted", mate)),
      );

      expect(codesOf(outcomes).filter((code) => code === "done")).toHaveLength(2);
      expect(codesOf(outcomes).filter((code) => code === "accounts/team-full")).toHaveLength(4);
      expect(await TeamMember.count({ where: { teamId } })).toBe(3);
    });

    test("has one owner, to however many it is handed over at once, and who leaves is none", async () => {
      const database = await open();

      for (let round = 0; round < 5; round++) {
        const { owner, teamId, join } = await makeTeam(database);
        const one = await makeMate();
        const other = await makeMate();
        const toOne = await join(one);
        const toOther = await join(other);
        const outcomes = await Promise.allSettled([
          transferTeam(database, toOne, owner),
          transferTeam(database, toOther, owner),
          leaveTeam(database, teamId, one),
          removeMember(database, toOther, owner),
        ]);

        expect(codesOf(outcomes)).not.toContain("Error");
        const owners = await TeamMember.findAll({ where: { teamId, role: "owner" } });
        const team = await Team.findByPk(teamId, { rejectOnEmpty: true });
        expect(owners.map(({ accountId }) => accountId)).toEqual([team.ownerId]);
      }
    });

    test("an invitation that is accepted and declined at once is answered once", async () => {
      const database = await open();
      const { teamId, invite } = await makeTeam(database);
      const mate = await makeMate();
      const id = await invite(mate);

      const outcomes = await Promise.allSettled([
        answerInvitation(database, id, "accepted", mate),
        answerInvitation(database, id, "declined", mate),
        answerInvitation(database, id, "accepted", mate),
      ]);

      expect(codesOf(outcomes).filter((code) => code === "done")).toHaveLength(1);
      const joined = outcomes[1].status === "rejected" ? 1 : 0;
      expect(await TeamMember.count({ where: { teamId } })).toBe(1 + joined);
    });
  });
});
