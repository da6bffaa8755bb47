import { type Actor, PERMISSIONS } from "../../domain/accounts.ts";

/** May do everything. */
export const ADMIN: Actor = {
  accountId: "00000000-0000-7000-8000-000000000001",
  name: "admin",
  permissions: PERMISSIONS,
};

/** Is signed in and may do nothing. */
export const STRANGER: Actor = {
  accountId: "00000000-0000-7000-8000-000000000002",
  name: "stranger",
  permissions: [],
};

/** Nobody is signed in. */
export const NOBODY = undefined;
