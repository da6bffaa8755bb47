import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../domain/limits.ts";
import { type TeamFlags, type TeamRole, TEAM_ROLES } from "../../../domain/accounts/teams.ts";
import { Account, Team, TeamInvitation, TeamMember } from "../../../models/accounts.ts";
import { inTransaction } from "../../../models/database.ts";
import { AuditEntry } from "../../../models/operations.ts";
import { newId } from "../../../platform/crypto.ts";
import { startApi, type StartedApi } from "../../support/api.ts";

const TEAMS = "/api/v1/teams";

/** A person with an account, who calls by a token made up for them. */
async function makeMate(api: StartedApi, username: string, given: Partial<Account> = {}) {
  const id = newId();
  await Account.create({ id, username, passwordHash: "h", role: "user", ...given });
  const actor = { accountId: id, name: username, permissions: [] };
  return {
    id,
    username,
    call: (method: string, path: string, json?: unknown) =>
      api.call(actor, method, path, json === undefined ? {} : { json }),
  };
}

type Mate = Awaited<ReturnType<typeof makeMate>>;

async function startTeam() {
  const api = await startApi();
  const anna = await makeMate(api, "anna");
  const { id } = (await anna.call("POST", TEAMS, { name: "Comets" })).body;
  const path = `${TEAMS}/${id}`;
  const join = async (username: string, place: object = {}) => {
    const mate = await makeMate(api, username);
    const offer = await anna.call("POST", `${path}/invitations`, { username, ...place });
    await mate.call("POST", `/api/v1/invitations/${offer.body.id}/accept`);
    return mate;
  };
  return { api, anna, id, path, join };
}

const codeOf = (answer: { status: number; body: { code?: string } }) =>
  answer.body.code ?? answer.status;

describe("POST /api/v1/teams", () => {
  test("whoever makes a team owns it", async () => {
    const { anna, id } = await startTeam();

    const { body } = await anna.call("GET", `${TEAMS}/${id}`);

    expect(body).toMatchObject({ name: "Comets", owner_id: anna.id, members: 1 });
    expect(body.own).toMatchObject({ role: "owner" });
    expect(await AuditEntry.count({ where: { action: "accounts.team-created" } })).toBe(1);
  });

  test("nobody owns more teams than there may be, not even when they ask for all at once", async () => {
    const { api, anna } = await startTeam();
    await inTransaction(api.services.database, (transaction) =>
      Team.bulkCreate(
        Array.from({ length: LIMITS.ownedTeams - 2 }, (_, n) => ({
          id: newId(),
          name: `Team ${n}`,
          ownerId: anna.id,
          description: null,
          avatar: null,
          maxMembers: null,
        })),
        { transaction },
      ),
    );

    const asked = await Promise.all(
      Array.from({ length: 5 }, () => anna.call("POST", TEAMS, { name: "Last" })),
    );

    expect(asked.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(asked.map(codeOf)).toContain("accounts/too-many-teams");
  });

  test("refuses a team without a name, and keys", async () => {
    const { api, anna } = await startTeam();
    const key = { accountId: anna.id, name: "key", permissions: [], keyId: newId() };

    expect(codeOf(await anna.call("POST", TEAMS, { name: " " }))).toBe("request/invalid");
    expect(codeOf(await api.call(key, "POST", TEAMS, { json: { name: "x" } }))).toBe(
      "accounts/not-allowed",
    );
  });
});

describe("GET /api/v1/teams", () => {
  test("lists the teams that one is in, and no others", async () => {
    const { api, anna, join } = await startTeam();
    const ben = await join("ben");
    await anna.call("POST", TEAMS, { name: "Other" });
    const stranger = await makeMate(api, "stranger");
    const names = async (mate: Mate) =>
      (await mate.call("GET", TEAMS)).body.items.map(({ name }: { name: string }) => name);

    expect(await names(anna)).toEqual(["Other", "Comets"]);
    expect(await names(ben)).toEqual(["Comets"]);
    expect(await names(stranger)).toEqual([]);
  });
});

describe("GET /api/v1/teams/:id", () => {
  test("says what one's own place permits", async () => {
    const { path, join } = await startTeam();
    const ben = await join("ben", { role: "viewer", can_share: false });

    expect((await ben.call("GET", path)).body.own).toMatchObject({
      role: "viewer",
      can_share: false,
      may: ["view", "leave"],
    });
  });
});

describe("PATCH /api/v1/teams/:id", () => {
  test("changes what is given, and tells the audit", async () => {
    const { anna, path } = await startTeam();

    const { body } = await anna.call("PATCH", path, { name: "Stars", max_members: 3 });

    expect(body).toMatchObject({ name: "Stars", max_members: 3, description: null });
    expect(await AuditEntry.findOne({ where: { action: "accounts.team-changed" } })).toMatchObject({
      before: { name: "Comets" },
      after: { name: "Stars" },
    });
    expect(codeOf(await anna.call("PATCH", path, {}))).toBe("request/invalid");
  });
});

describe("DELETE /api/v1/teams/:id", () => {
  test("removes the team with its members and invitations; the audit stays", async () => {
    const { anna, id, path, join } = await startTeam();
    await join("ben");
    await anna.call("POST", `${path}/invitations`, { email: "carl@example.com" });

    expect((await anna.call("DELETE", path)).status).toBe(200);

    expect(codeOf(await anna.call("GET", path))).toBe("accounts/team-not-found");
    expect(await TeamMember.count()).toBe(0);
    expect(await TeamInvitation.count()).toBe(0);
    expect(await AuditEntry.count({ where: { subjectId: id } })).toBeGreaterThan(2);
  });
});

describe("GET /api/v1/teams/:id/members", () => {
  test("shows members by name and place, and not their addresses", async () => {
    const { anna, path, join } = await startTeam();
    await join("ben", { role: "admin" });

    const { items } = (await anna.call("GET", `${path}/members`)).body;

    expect(
      items.map(({ username, role }: { username: string; role: string }) => [username, role]),
    ).toEqual([
      ["anna", "owner"],
      ["ben", "admin"],
    ]);
    expect(Object.keys(items[0])).not.toContain("email");
  });
});

describe("PATCH /api/v1/teams/:id/members/:member", () => {
  test("gives a member another place, from the next request on", async () => {
    const { anna, path, join } = await startTeam();
    const ben = await join("ben");
    const rename = () => ben.call("PATCH", path, { name: "Ours" });
    expect(codeOf(await rename())).toBe("accounts/not-allowed");

    await anna.call("PATCH", `${path}/members/${ben.id}`, { role: "admin" });

    expect((await rename()).status).toBe(200);
  });

  test("an admin makes no admin, and whoever manages members makes no manager", async () => {
    const { path, join } = await startTeam();
    const ben = await join("ben", { role: "admin" });
    const carl = await join("carl", { can_manage_members: true });
    const dora = await join("dora");
    const give = async (by: Mate, json: object) =>
      codeOf(await by.call("PATCH", `${path}/members/${dora.id}`, json));

    expect(await give(ben, { role: "admin" })).toBe("accounts/not-allowed");
    expect(await give(carl, { can_manage_members: true })).toBe("accounts/not-allowed");
    expect(await give(carl, { can_delete: true })).toBe(200);
    expect(await give(ben, { role: "owner" })).toBe("request/invalid");
  });

  test("who may offer places no longer has the offers withdrawn", async () => {
    const { api, anna, path, join } = await startTeam();
    const ben = await join("ben", { role: "admin" });
    const carl = await makeMate(api, "carl");
    const { id } = (await ben.call("POST", `${path}/invitations`, { username: "carl" })).body;

    await anna.call("PATCH", `${path}/members/${ben.id}`, { role: "member" });

    expect(codeOf(await carl.call("POST", `/api/v1/invitations/${id}/accept`))).toBe(
      "accounts/invitation-not-found",
    );
  });
});

describe("DELETE /api/v1/teams/:id/members/:member", () => {
  test("takes a member out at once", async () => {
    const { anna, path, join } = await startTeam();
    const ben = await join("ben");

    expect((await anna.call("DELETE", `${path}/members/${ben.id}`)).status).toBe(200);

    expect(codeOf(await ben.call("GET", path))).toBe("accounts/team-not-found");
    expect(codeOf(await anna.call("DELETE", `${path}/members/${ben.id}`))).toBe(
      "accounts/member-not-found",
    );
  });
});

describe("POST /api/v1/teams/:id/leave", () => {
  test("everybody leaves but the owner, who hands the team over first", async () => {
    const { anna, path, join } = await startTeam();
    const ben = await join("ben");

    expect(codeOf(await anna.call("POST", `${path}/leave`))).toBe("accounts/team-owned");
    await anna.call("POST", `${path}/transfer`, { member: ben.id });
    expect((await anna.call("POST", `${path}/leave`)).status).toBe(200);
    expect(codeOf(await anna.call("GET", path))).toBe("accounts/team-not-found");
  });
});

describe("POST /api/v1/teams/:id/transfer", () => {
  test("makes a member the owner, and the owner an admin", async () => {
    const { anna, path, join } = await startTeam();
    const ben = await join("ben");

    const { body } = await anna.call("POST", `${path}/transfer`, { member: ben.id });

    expect(body).toMatchObject({ owner_id: ben.id, own: { role: "admin" } });
    expect((await ben.call("GET", path)).body.own.role).toBe("owner");
  });

  test("to several at once it goes to one, and there is one owner", async () => {
    const { anna, id, path, join } = await startTeam();
    const mates = [await join("ben"), await join("carl"), await join("dora")];

    const asked = await Promise.all(
      mates.map((mate) => anna.call("POST", `${path}/transfer`, { member: mate.id })),
    );

    expect(asked.filter(({ status }) => status === 200)).toHaveLength(1);
    const owners = await TeamMember.findAll({ where: { teamId: id, role: "owner" } });
    expect(owners.map(({ accountId }) => accountId)).toEqual([(await Team.findByPk(id))!.ownerId]);
  });

  test("refuses who is no member, and who is switched off", async () => {
    const { api, anna, path, join } = await startTeam();
    const ben = await join("ben");
    const stranger = await makeMate(api, "stranger");
    await inTransaction(api.services.database, (transaction) =>
      Account.update({ isActive: false }, { where: { id: ben.id }, transaction }),
    );

    for (const member of [stranger.id, ben.id]) {
      expect(codeOf(await anna.call("POST", `${path}/transfer`, { member }))).toBe(
        "accounts/member-not-found",
      );
    }
  });
});

describe("POST /api/v1/teams/:id/invitations", () => {
  test("a later offer replaces the one before", async () => {
    const { api, anna, path } = await startTeam();
    const ben = await makeMate(api, "ben");
    const offer = (role: string) =>
      anna.call("POST", `${path}/invitations`, { username: "ben", role });

    await offer("admin");
    await offer("viewer");

    const { items } = (await ben.call("GET", "/api/v1/invitations")).body;
    expect(items.map(({ role }: { role: string }) => role)).toEqual(["viewer"]);
  });

  test("refuses unknown names, members, both or no addressee, and places above one's own", async () => {
    const { anna, path, join } = await startTeam();
    const ben = await join("ben", { role: "admin" });
    const invite = async (by: Mate, json: object) =>
      codeOf(await by.call("POST", `${path}/invitations`, json));

    expect(await invite(anna, { username: "nobody" })).toBe("accounts/user-not-found");
    expect(await invite(anna, { username: "ben" })).toBe("accounts/already-member");
    expect(await invite(anna, {})).toBe("request/invalid");
    expect(await invite(anna, { username: "x", email: "x@example.com" })).toBe("request/invalid");
    expect(await invite(anna, { username: "x", role: "owner" })).toBe("request/invalid");
    expect(await invite(ben, { email: "x@example.com", role: "admin" })).toBe(
      "accounts/not-allowed",
    );
  });

  test("an address is answered in the same way whether it is somebody's or not", async () => {
    const { api, anna, path } = await startTeam();
    await makeMate(api, "ben", { email: "ben@example.com", emailVerifiedAt: new Date() });
    const invite = async (email: string) =>
      Object.keys((await anna.call("POST", `${path}/invitations`, { email })).body);

    expect(await invite("ben@example.com")).toEqual(await invite("nobody@example.com"));
  });
});

describe("GET /api/v1/teams/:id/invitations", () => {
  test("shows what is open, to those who may invite", async () => {
    const { anna, path, join } = await startTeam();
    const ben = await join("ben");
    await anna.call("POST", `${path}/invitations`, { email: "Carl@Example.com" });

    const { items } = (await anna.call("GET", `${path}/invitations`)).body;

    expect(items).toMatchObject([{ email: "carl@example.com", user_id: null, invited_by: "anna" }]);
    expect(codeOf(await ben.call("GET", `${path}/invitations`))).toBe("accounts/not-allowed");
  });
});

describe("DELETE /api/v1/teams/:id/invitations/:invitation", () => {
  test("takes an invitation back: it cannot be accepted any more", async () => {
    const { api, anna, path } = await startTeam();
    const ben = await makeMate(api, "ben");
    const { id } = (await anna.call("POST", `${path}/invitations`, { username: "ben" })).body;

    expect((await anna.call("DELETE", `${path}/invitations/${id}`)).status).toBe(200);

    const gone = "accounts/invitation-not-found";
    expect(codeOf(await ben.call("POST", `/api/v1/invitations/${id}/accept`))).toBe(gone);
    expect(codeOf(await anna.call("DELETE", `${path}/invitations/${id}`))).toBe(gone);
  });
});

describe("GET /api/v1/invitations", () => {
  test("an address that is not verified receives nothing, and accepts nothing", async () => {
    const { api, anna, path } = await startTeam();
    const mallory = await makeMate(api, "mallory", { email: "ben@example.com" });
    const offer = await anna.call("POST", `${path}/invitations`, { email: "ben@example.com" });
    const accept = () => mallory.call("POST", `/api/v1/invitations/${offer.body.id}/accept`);

    expect((await mallory.call("GET", "/api/v1/invitations")).body.items).toEqual([]);
    expect(codeOf(await accept())).toBe("accounts/invitation-not-found");
    await inTransaction(api.services.database, (transaction) =>
      Account.update({ emailVerifiedAt: new Date() }, { where: { id: mallory.id }, transaction }),
    );
    expect((await mallory.call("GET", "/api/v1/invitations")).body.items).toHaveLength(1);
    expect((await accept()).status).toBe(200);
  });
});

describe("POST /api/v1/invitations/:id/accept", () => {
  test("joins with the place that was offered, once", async () => {
    const { api, anna, path } = await startTeam();
    const ben = await makeMate(api, "ben");
    const place = { role: "viewer", can_share: false };
    const { id } = (await anna.call("POST", `${path}/invitations`, { username: "ben", ...place }))
      .body;
    const accept = () => ben.call("POST", `/api/v1/invitations/${id}/accept`);

    const answers = await Promise.all([accept(), accept(), accept()]);

    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect((await ben.call("GET", path)).body).toMatchObject({ members: 2, own: place });
  });

  test("is refused to others, when its time is over, and when the team is full", async () => {
    const { api, anna, path } = await startTeam();
    const ben = await makeMate(api, "ben");
    const carl = await makeMate(api, "carl");
    const { id } = (await anna.call("POST", `${path}/invitations`, { username: "ben" })).body;
    const accept = async (mate: Mate) =>
      codeOf(await mate.call("POST", `/api/v1/invitations/${id}/accept`));
    const endAt = (expiresAt: Date) =>
      inTransaction(api.services.database, (transaction) =>
        TeamInvitation.update({ expiresAt }, { where: { id }, transaction }),
      );

    expect(await accept(carl)).toBe("accounts/invitation-not-found");
    await endAt(new Date(Date.now() - 1));
    expect(await accept(ben)).toBe("accounts/invitation-not-found");
    await endAt(new Date(Date.now() + 60_000));
    await anna.call("PATCH", path, { max_members: 1 });
    expect(await accept(ben)).toBe("accounts/team-full");
    await anna.call("PATCH", path, { max_members: 2 });
    expect(await accept(ben)).toBe(200);
    expect(codeOf(await anna.call("PATCH", path, { max_members: 1 }))).toBe("accounts/team-full");
  });
});

describe("POST /api/v1/invitations/:id/decline", () => {
  test("ends the invitation", async () => {
    const { api, anna, path } = await startTeam();
    const ben = await makeMate(api, "ben");
    const { id } = (await anna.call("POST", `${path}/invitations`, { username: "ben" })).body;

    expect((await ben.call("POST", `/api/v1/invitations/${id}/decline`)).status).toBe(200);

    expect(codeOf(await ben.call("POST", `/api/v1/invitations/${id}/accept`))).toBe(
      "accounts/invitation-not-found",
    );
    expect(await TeamMember.count()).toBe(1);
  });
});

/** What is done to a team, and to whom in it. */
const DEEDS: Record<
  string,
  (mate: Mate, team: { path: string; other: string }) => Promise<unknown>
> = {
  view: (mate, { path }) => mate.call("GET", path),
  members: (mate, { path }) => mate.call("GET", `${path}/members`),
  change: (mate, { path }) => mate.call("PATCH", path, { name: "New" }),
  invite: (mate, { path }) => mate.call("POST", `${path}/invitations`, { email: "x@example.com" }),
  invitations: (mate, { path }) => mate.call("GET", `${path}/invitations`),
  manage: (mate, { path, other }) =>
    mate.call("PATCH", `${path}/members/${other}`, { can_delete: true }),
  expel: (mate, { path, other }) => mate.call("DELETE", `${path}/members/${other}`),
  transfer: (mate, { path, other }) => mate.call("POST", `${path}/transfer`, { member: other }),
  leave: (mate, { path }) => mate.call("POST", `${path}/leave`),
  delete: (mate, { path }) => mate.call("DELETE", path),
};

const LEADS = ["view", "members", "change", "invite", "invitations", "manage", "expel"];
const MANAGES = LEADS.filter((verb) => verb !== "change");
/** The whole matrix, written out: who may do what to a team with a plain member in it. */
const MATRIX: [role: TeamRole | "stranger", flags: Partial<TeamFlags>, verbs: string[]][] = [
  ["owner", {}, [...LEADS, "transfer", "delete"]],
  ["admin", {}, [...LEADS, "leave"]],
  ["member", {}, ["view", "members", "leave"]],
  ["viewer", {}, ["view", "members", "leave"]],
  ["member", { canManageMembers: true }, [...MANAGES, "leave"]],
  ["viewer", { canManageMembers: true }, [...MANAGES, "leave"]],
  ["stranger", {}, []],
];

test("the matrix has every role", () => {
  expect(TEAM_ROLES.filter((role) => !MATRIX.some(([one]) => one === role))).toEqual([]);
});

test.each(MATRIX)("a %s with %j may do these things and no others", async (role, flags, verbs) => {
  const { api, anna } = await startTeam();
  const done: string[] = [];
  const refused = new Set<unknown>();

  for (const [verb, deed] of Object.entries(DEEDS)) {
    // A team of its own for each deed, since some of them end it.
    const team = (await anna.call("POST", TEAMS, { name: verb })).body.id as string;
    const other = await makeMate(api, `other_${verb}`);
    const mate = role === "owner" ? anna : await makeMate(api, `mate_${verb}`);
    const places = [
      { accountId: other.id, role: "member" as const, given: {} },
      ...(role === "owner" || role === "stranger"
        ? []
        : [{ accountId: mate.id, role, given: flags }]),
    ];
    for (const { given, ...place } of places) {
      const none = { canUpload: false, canDelete: false, canShare: false, canManageMembers: false };
      const rest = { teamId: team, invitedById: null, joinedAt: new Date() };
      await TeamMember.create({ ...none, ...place, ...given, ...rest });
    }
    const answer = (await deed(mate, { path: `${TEAMS}/${team}`, other: other.id })) as {
      status: number;
      body: { code?: string };
    };
    if (answer.status < 300) done.push(verb);
    else refused.add(answer.body.code);
  }

  expect(done.sort()).toEqual([...verbs].sort());
  const no = role === "stranger" ? "accounts/team-not-found" : "accounts/not-allowed";
  expect([...refused]).toEqual(role === "owner" ? ["accounts/team-owned"] : [no]);
});
