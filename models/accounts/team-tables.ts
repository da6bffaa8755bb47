import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from "sequelize";
import {
  INVITATION_STATES,
  type InvitationState,
  TEAM_ROLES,
  type TeamRole,
} from "../../domain/accounts/teams.ts";
import { count, flag, id, moment, state, text, times } from "../columns.ts";

/** People who share things. Its one owner stands here and in their member's row, and both change together. */
export class Team extends Model<InferAttributes<Team>, InferCreationAttributes<Team>> {
  declare id: string;
  declare name: string;
  declare description: string | null;
  declare avatar: string | null;
  declare ownerId: string;
  /** As many as the platform permits when null. */
  declare maxMembers: number | null;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** Somebody's place in a team. */
export class TeamMember extends Model<
  InferAttributes<TeamMember>,
  InferCreationAttributes<TeamMember>
> {
  declare teamId: string;
  declare accountId: string;
  declare role: TeamRole;
  declare canUpload: boolean;
  declare canDelete: boolean;
  declare canShare: boolean;
  declare canManageMembers: boolean;
  declare invitedById: string | null;
  declare joinedAt: Date;
}

/** A place in a team that somebody is offered: an account, or whoever has proven to hold an e-mail address. */
export class TeamInvitation extends Model<
  InferAttributes<TeamInvitation>,
  InferCreationAttributes<TeamInvitation>
> {
  declare id: string;
  declare teamId: string;
  declare accountId: string | null;
  declare email: string | null;
  declare role: TeamRole;
  declare canUpload: boolean;
  declare canDelete: boolean;
  declare canShare: boolean;
  declare canManageMembers: boolean;
  declare state: InvitationState;
  declare invitedById: string;
  declare invitedBy: string;
  declare expiresAt: Date;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

const place = () => ({
  role: state(TEAM_ROLES),
  canUpload: flag(),
  canDelete: flag(),
  canShare: flag(),
  canManageMembers: flag(),
});

/** Binds the tables of this file. */
export function defineTeams(sequelize: Sequelize): void {
  Team.init(
    {
      id: id({ primaryKey: true }),
      name: text(100),
      description: text(500, { allowNull: true }),
      avatar: text(512, { allowNull: true }),
      ownerId: id(),
      maxMembers: count({ allowNull: true }),
      ...times(),
    },
    { sequelize, tableName: "teams" },
  );
  TeamMember.init(
    {
      teamId: id({ primaryKey: true }),
      accountId: id({ primaryKey: true }),
      ...place(),
      invitedById: id({ allowNull: true }),
      joinedAt: moment(),
    },
    { sequelize, timestamps: false, tableName: "team_members" },
  );
  TeamInvitation.init(
    {
      id: id({ primaryKey: true }),
      teamId: id(),
      accountId: id({ allowNull: true }),
      email: text(255, { allowNull: true }),
      ...place(),
      state: state(INVITATION_STATES),
      invitedById: id(),
      invitedBy: text(100),
      expiresAt: moment(),
      ...times(),
    },
    { sequelize, tableName: "team_invitations" },
  );
}
