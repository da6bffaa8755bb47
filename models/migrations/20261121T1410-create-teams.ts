import { count, flag, id, moment, text } from "../columns.ts";
import type { Migration } from "./migration.ts";

const team = { references: { model: "teams", key: "id" }, onDelete: "CASCADE" } as const;
const account = { references: { model: "accounts", key: "id" }, onDelete: "CASCADE" } as const;

const FLAGS = {
  can_upload: flag(),
  can_delete: flag(),
  can_share: flag(),
  can_manage_members: flag(),
};

/** Teams, who is in them, and who is asked to be. */
export const createTeams: Migration = {
  name: "20261121T1410-create-teams",

  async up({ createTable }) {
    await createTable(
      "teams",
      {
        id: id({ primaryKey: true }),
        name: text(100),
        description: text(500, { allowNull: true }),
        avatar: text(512, { allowNull: true }),
        owner_id: id({ references: { model: "accounts", key: "id" } }),
        max_members: count({ allowNull: true }),
        created_at: moment(),
        updated_at: moment(),
      },
      [{ columns: ["owner_id"] }],
    );
    await createTable(
      "team_members",
      {
        team_id: id({ primaryKey: true, ...team }),
        account_id: id({ primaryKey: true, ...account }),
        role: text(20),
        ...FLAGS,
        invited_by_id: id({ allowNull: true }),
        joined_at: moment(),
      },
      [{ columns: ["account_id"] }],
    );
    await createTable(
      "team_invitations",
      {
        id: id({ primaryKey: true }),
        team_id: id(team),
        account_id: id({ allowNull: true, ...account }),
        email: text(255, { allowNull: true }),
        role: text(20),
        ...FLAGS,
        state: text(20),
        invited_by_id: id(),
        invited_by: text(100),
        expires_at: moment(),
        created_at: moment(),
        updated_at: moment(),
      },
      [{ columns: ["team_id", "state"] }, { columns: ["account_id"] }, { columns: ["email"] }],
    );
  },

  async down({ dropTable }) {
    for (const table of ["team_invitations", "team_members", "teams"]) await dropTable(table);
  },
};
