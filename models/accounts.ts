import type { Sequelize } from "sequelize";
import { defineCodes } from "./accounts/codes.ts";
import { defineKeys } from "./accounts/keys.ts";
import { defineOidc } from "./accounts/oidc.ts";
import { defineRoles } from "./accounts/roles.ts";
import { definePeople } from "./accounts/tables.ts";
import { defineTeams } from "./accounts/team-tables.ts";
import { defineTotp } from "./accounts/totp.ts";
import { defineWechat } from "./accounts/wechat.ts";

export * from "./accounts/administration.ts";
export * from "./accounts/codes.ts";
export * from "./accounts/invitations.ts";
export * from "./accounts/keys.ts";
export * from "./accounts/living.ts";
export * from "./accounts/oidc.ts";
export * from "./accounts/people.ts";
export * from "./accounts/registration.ts";
export * from "./accounts/roles.ts";
export * from "./accounts/sessions.ts";
export * from "./accounts/totp.ts";
export * from "./accounts/wechat.ts";
export { Account, RefreshToken, Session } from "./accounts/tables.ts";
export * from "./accounts/teams.ts";
export { Team, TeamInvitation, TeamMember } from "./accounts/team-tables.ts";

/** Binds this domain's tables. */
export function defineAccounts(sequelize: Sequelize): void {
  for (const define of [
    definePeople,
    defineKeys,
    defineCodes,
    defineOidc,
    defineRoles,
    defineTeams,
    defineTotp,
    defineWechat,
  ]) {
    define(sequelize);
  }
}
