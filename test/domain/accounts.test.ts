import { describe, expect, test } from "vitest";
import { PERMISSIONS, ROLES } from "../../domain/accounts.ts";
import {
  mayGive,
  mayInTeam,
  mayManage,
  type Place,
  TEAM_ROLES,
  TEAM_VERBS,
  type TeamFlags,
  type TeamRole,
} from "../../domain/accounts/teams.ts";

const NOTHING: TeamFlags = {
  canUpload: false,
  canDelete: false,
  canShare: false,
  canManageMembers: false,
};
const place = (role: TeamRole, flags: Partial<TeamFlags> = {}): Place => ({
  role,
  ...NOTHING,
  ...flags,
});

describe("the roles of the platform", () => {
  test("an administrator may do everything", () => {
    expect(ROLES.admin).toBe(PERMISSIONS);
  });

  test("an operator reads all lines, runs and decides, and administers nothing", () => {
    expect(ROLES.operator).toEqual(expect.arrayContaining(["packages:run", "packages:resolve"]));
    expect(
      ROLES.operator.filter((one) => /:(administer|publish|upload|export)$/.test(one)),
    ).toEqual([]);
  });

  test("support reads everything, and changes, exports and opens nothing", () => {
    const reading = /:(read|query|oversee)$/;

    // Beside what everybody may do for themselves.
    const others = ROLES.support.filter((one) => !ROLES.user.some((own) => own === one));
    expect(others.filter((one) => !reading.test(one))).toEqual([]);
    expect(PERMISSIONS.filter((one) => one.endsWith(":read"))).toEqual(
      [...ROLES.support].filter((one) => one.endsWith(":read")).sort(byPermission),
    );
  });

  test("a user has what is their own, and nothing of anybody else", () => {
    expect(ROLES.user).toEqual(["downloads:read", "downloads:start"]);
  });
});

const byPermission = (one: string, other: string) =>
  PERMISSIONS.findIndex((word) => word === one) - PERMISSIONS.findIndex((word) => word === other);

describe("what each place in a team permits", () => {
  test.each([
    ["owner", ["view", "change", "delete", "transfer", "invite", "manage", "remove", "share"]],
    ["admin", ["view", "change", "leave", "invite", "manage", "remove", "share"]],
    ["member", ["view", "leave"]],
    ["viewer", ["view", "leave"]],
  ] as const)("%s without a flag", (role, verbs) => {
    expect(TEAM_VERBS.filter((verb) => mayInTeam(place(role), verb))).toEqual(verbs);
  });

  test.each([
    ["canUpload", "owner", ["upload"]],
    ["canUpload", "admin", ["upload"]],
    ["canUpload", "member", ["upload"]],
    ["canUpload", "viewer", []],
    ["canDelete", "owner", []],
    ["canDelete", "admin", []],
    ["canDelete", "member", ["remove"]],
    ["canDelete", "viewer", ["remove"]],
    ["canShare", "owner", []],
    ["canShare", "admin", []],
    ["canShare", "member", ["share"]],
    ["canShare", "viewer", ["share"]],
    ["canManageMembers", "owner", []],
    ["canManageMembers", "admin", []],
    ["canManageMembers", "member", ["invite", "manage"]],
    ["canManageMembers", "viewer", ["invite", "manage"]],
  ] as const)("%s gives a team's %s beside that %j", (flag, role, added) => {
    const without = TEAM_VERBS.filter((verb) => mayInTeam(place(role), verb));
    const within = TEAM_VERBS.filter((verb) => mayInTeam(place(role, { [flag]: true }), verb));

    expect(within.filter((verb) => !without.includes(verb))).toEqual(added);
    expect(without.filter((verb) => !within.includes(verb))).toEqual([]);
  });

  test("whom each may change or remove", () => {
    const manager = place("member", { canManageMembers: true });
    const reach = (me: Place) => [
      ...TEAM_ROLES.filter((role) => mayManage(me, place(role))),
      ...(mayManage(me, manager) ? ["manager"] : []),
    ];

    expect(reach(place("owner"))).toEqual(["admin", "member", "viewer", "manager"]);
    expect(reach(place("admin"))).toEqual(["member", "viewer", "manager"]);
    expect(reach(manager)).toEqual(["member", "viewer"]);
    expect(reach(place("member"))).toEqual([]);
    expect(reach(place("viewer"))).toEqual([]);
  });

  test("nobody gives a place as high as their own, but the owner, and no one a second owner", () => {
    const given = (me: Place) => TEAM_ROLES.filter((role) => mayGive(me, place(role)));

    expect(given(place("owner"))).toEqual(["admin", "member", "viewer"]);
    expect(given(place("admin"))).toEqual(["member", "viewer"]);
    expect(given(place("member", { canManageMembers: true }))).toEqual(["member", "viewer"]);
  });
});
