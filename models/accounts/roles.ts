import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
  type Transaction,
} from "sequelize";
import {
  builtInRole,
  PERMISSIONS,
  type Permission,
  type Role,
  ROLES,
} from "../../domain/accounts.ts";
import { refusal } from "../../domain/errors.ts";
import { json, text, times } from "../columns.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";
import { recordAudit } from "../operations.ts";
import { type Administrator, originOf } from "./audit.ts";
import { Account } from "./tables.ts";

/** A role that administrators have made; its name is for ever. */
export class CustomRole extends Model<
  InferAttributes<CustomRole>,
  InferCreationAttributes<CustomRole>
> {
  declare name: Role;
  declare description: string;
  declare permissions: Permission[];
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** What a role is: its name, what it is for, and what it permits. */
export type RoleTerms = Pick<CustomRole, "name" | "description" | "permissions">;

/** What a role permits now; nothing when there is no such role. */
export async function permissionsOf(
  name: Role,
  transaction?: Transaction,
): Promise<readonly Permission[]> {
  const within = transaction ? { transaction } : {};
  return builtInRole(name) ?? permittedBy(await CustomRole.findByPk(name, within));
}

/** Of these accounts, those that may do something by their roles. */
export async function thoseWhoMay(
  permission: Permission,
  accountIds: readonly string[],
): Promise<Set<string>> {
  const role = await rolesWith(permission);
  const where = { id: [...accountIds], role, isActive: true };
  const able = await Account.findAll({ attributes: ["id"], where, raw: true });
  return new Set(able.map(({ id }) => id));
}

async function rolesWith(permission: Permission, transaction?: Transaction): Promise<Role[]> {
  const custom = await CustomRole.findAll(transaction ? { transaction } : {});
  return [
    ...Object.keys(ROLES).filter((name) => builtInRole(name)!.includes(permission)),
    ...custom.filter((role) => permittedBy(role).includes(permission)).map(({ name }) => name),
  ];
}

/** Some of the people who may do something by their roles, in one order; services are none. */
export async function peopleWhoMay(
  permission: Permission,
  transaction: Transaction,
): Promise<string[]> {
  const role = await rolesWith(permission, transaction);
  const people = await Account.findAll({
    attributes: ["id"],
    where: { role, isActive: true, isService: false },
    order: [["id", "ASC"]],
    limit: MOST_PEOPLE,
    transaction,
  });
  return people.map(({ id }) => id);
}

/** Of those who may see everything there are few. */
const MOST_PEOPLE = 100;

/** What a role permits, which stays until the transaction ends; refuses `accounts/role-not-found`. */
export async function holdRole(
  name: Role,
  transaction: Transaction,
): Promise<readonly Permission[]> {
  const builtIn = builtInRole(name);
  if (builtIn) return builtIn;
  const lock = transaction.LOCK.UPDATE;
  const row = await CustomRole.findByPk(name, { lock, transaction });
  if (!row) throw noSuchRole();
  return permittedBy(row);
}

/** Adds a role. Refuses a name that is taken. */
export async function createRole(
  database: Database,
  terms: RoleTerms,
  by: Administrator,
): Promise<CustomRole> {
  if (builtInRole(terms.name)) throw nameTaken();
  try {
    return await inTransaction(database, async (transaction) => {
      const row = await CustomRole.create(terms, { transaction });
      await audit(by, "accounts.role-created", terms.name, { after: told(row) }, transaction);
      return row;
    });
  } catch (error) {
    throw isTaken(error) ? nameTaken() : error;
  }
}

/** Says anew what a role permits, from the commit on. `admit` sees what it permitted before, and may throw. */
export async function changeRole(
  database: Database,
  terms: RoleTerms,
  admit: (permissions: readonly Permission[]) => void,
  by: Administrator,
): Promise<CustomRole> {
  return inTransaction(database, async (transaction) => {
    const row = await holdCustomRole(terms.name, transaction);
    admit(row.permissions);
    const before = told(row);
    await row.update(terms, { transaction });
    const changed = { before, after: told(row) };
    await audit(by, "accounts.role-changed", row.name, changed, transaction);
    return row;
  });
}

/** Removes a role that nobody has. */
export async function deleteRole(
  database: Database,
  name: Role,
  admit: (permissions: readonly Permission[]) => void,
  by: Administrator,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const row = await holdCustomRole(name, transaction);
    admit(row.permissions);
    const holders = await Account.count({ where: { role: name }, transaction });
    if (holders > 0) {
      const advice = `${holders} accounts have this role. Give them another one first.`;
      throw refusal("accounts/role-in-use", advice);
    }
    await row.destroy({ transaction });
    await audit(by, "accounts.role-deleted", name, { before: told(row) }, transaction);
  });
}

async function holdCustomRole(name: Role, transaction: Transaction): Promise<CustomRole> {
  if (builtInRole(name)) {
    const advice = "This role comes with the platform. Make one of another name.";
    throw refusal("accounts/role-built-in", advice);
  }
  const lock = transaction.LOCK.UPDATE;
  const row = await CustomRole.findByPk(name, { lock, transaction });
  if (!row) throw noSuchRole();
  return row;
}

/** A permission that there is no more permits nothing. */
function permittedBy(row: CustomRole | null): Permission[] {
  return PERMISSIONS.filter((one) => row?.permissions.includes(one));
}

function noSuchRole() {
  return refusal("accounts/role-not-found", "There is no such role.");
}

function nameTaken() {
  return refusal("accounts/role-name-taken", "A role of this name exists. Take another name.");
}

function told({ description, permissions }: RoleTerms) {
  return { description, permissions };
}

function audit(
  by: Administrator,
  action: string,
  name: Role,
  changed: { before?: object; after?: object },
  transaction: Transaction,
): Promise<void> {
  const subject = { subjectKind: "role", subjectId: name };
  return recordAudit({ ...originOf(by), action, ...subject, ...changed }, transaction);
}

/** Binds the table of this file. */
export function defineRoles(sequelize: Sequelize): void {
  CustomRole.init(
    {
      name: text(20, { primaryKey: true }),
      description: text(200),
      permissions: json(),
      ...times(),
    },
    { sequelize, tableName: "roles" },
  );
}
