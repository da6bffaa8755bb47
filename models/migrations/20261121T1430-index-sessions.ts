import type { Migration } from "./migration.ts";

const OPEN_SESSIONS = [{ columns: ["account_id", "revoked_at", "created_at", "id"] }];

/** A person's open sessions are read in order, however many they have ended. */
export const indexSessions: Migration = {
  name: "20261121T1430-index-sessions",

  async up({ addIndexes }) {
    await addIndexes("sessions", OPEN_SESSIONS);
  },

  async down({ dropIndexes }) {
    await dropIndexes("sessions", OPEN_SESSIONS);
  },
};
