import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  Op,
  type Sequelize,
  type Transaction,
} from "sequelize";
import { type PackageRight, type Permission, permitsBy } from "../../domain/accounts.ts";
import { refusal } from "../../domain/errors.ts";
import { digest, flag, id, json, moment, serial, text } from "../columns.ts";
import { type Database, inTransaction } from "../database.ts";
import { recordAudit } from "../operations.ts";
import type { Origin } from "./audit.ts";
import { Account } from "./tables.ts";

/** A program's way in, by the sha256 of what it holds; it may do what its scopes say and its maker may do. */
export class ApiKey extends Model<InferAttributes<ApiKey>, InferCreationAttributes<ApiKey>> {
  declare id: string;
  declare accountId: string;
  declare name: string;
  /** The part of the key that may be shown, by which it is found. */
  declare prefix: string;
  declare lastFour: string;
  declare hash: string;
  declare scopes: Permission[];
  /** For single packages alone: those of its rows in `ApiKeyPackage`, of which there may be none left. */
  declare isRestricted: CreationOptional<boolean>;
  declare expiresAt: CreationOptional<Date | null>;
  declare revokedAt: CreationOptional<Date | null>;
  declare lastUsedAt: CreationOptional<Date | null>;
  declare createdAt: CreationOptional<Date>;
}

/** What a key for single packages may do with one of them. */
export class ApiKeyPackage extends Model<
  InferAttributes<ApiKeyPackage>,
  InferCreationAttributes<ApiKeyPackage>
> {
  declare keyId: string;
  declare packageId: string;
  /** The package's public id. */
  declare serial: number;
  declare rights: PackageRight[];
}

/** What may be done with one package. */
export type PackageGrant = Pick<ApiKeyPackage, "packageId" | "serial" | "rights">;

/** What is stored of a new API key. */
export type NewApiKey = Pick<
  ApiKey,
  "id" | "accountId" | "name" | "prefix" | "lastFour" | "hash" | "scopes"
> & {
  expiresAt: Date | null;
  /** What it may do with which packages; with all, by its scopes, when null. */
  packages?: PackageGrant[] | null;
};

/** Stores a new API key. */
export async function issueApiKey(
  database: Database,
  { packages = null, ...key }: NewApiKey,
  origin: Origin,
): Promise<ApiKey> {
  return inTransaction(database, async (transaction) => {
    const row = await ApiKey.create({ ...key, isRestricted: packages !== null }, { transaction });
    if (packages) await storeGrants(key.id, packages, transaction);
    await recordAudit(
      {
        ...origin,
        action: "accounts.api-key-issued",
        subjectKind: "api-key",
        subjectId: key.id,
        after: {
          name: key.name,
          prefix: key.prefix,
          scopes: key.scopes,
          expires_at: key.expiresAt,
          ...(packages && { packages: told(packages) }),
        },
      },
      transaction,
    );
    return row;
  });
}

/** Ends an API key of the account for ever. Refuses `accounts/api-key-not-found`; a stranger's looks the same. */
export async function revokeApiKey(
  database: Database,
  { id: keyId, accountId }: { id: string; accountId: string },
  origin: Origin,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const [revoked] = await ApiKey.update(
      { revokedAt: new Date() },
      { where: { id: keyId, accountId, revokedAt: null }, transaction },
    );
    if (revoked !== 1) throw refusal("accounts/api-key-not-found", "There is no such API key.");
    await recordAudit(
      {
        ...origin,
        action: "accounts.api-key-revoked",
        subjectKind: "api-key",
        subjectId: keyId,
      },
      transaction,
    );
  });
}

/** Notes that a key was used; at most one write a minute, however many processes see it. */
export async function touchApiKey(
  database: Database,
  key: ApiKey,
  now = new Date(),
): Promise<void> {
  const before = new Date(now.getTime() - 60_000);
  if (key.lastUsedAt && key.lastUsedAt > before) return;
  await inTransaction(database, (transaction) =>
    ApiKey.update(
      { lastUsedAt: now },
      {
        where: {
          id: key.id,
          [Op.or]: [{ lastUsedAt: null }, { lastUsedAt: { [Op.lte]: before } }],
        },
        transaction,
      },
    ),
  );
}

/** Replaces what a key for single packages may do, from the commit on. Refuses a key for all, and a stranger's. */
export async function changeGrants(
  database: Database,
  { id: keyId, accountId }: { id: string; accountId: string },
  packages: PackageGrant[],
  origin: Origin,
): Promise<ApiKey> {
  return inTransaction(database, async (transaction) => {
    const lock = transaction.LOCK.UPDATE;
    const where = { id: keyId, accountId, revokedAt: null };
    const key = await ApiKey.findOne({ where, lock, transaction });
    if (!key) throw refusal("accounts/api-key-not-found", "There is no such API key.");
    if (!key.isRestricted) {
      const advice = "This key is for all packages. Make a new one for single packages.";
      throw refusal("accounts/api-key-unrestricted", advice);
    }
    const before = {
      packages: told(await ApiKeyPackage.findAll({ where: { keyId }, transaction })),
    };
    const after = { packages: told(packages) };
    await ApiKeyPackage.destroy({ where: { keyId }, transaction });
    await storeGrants(keyId, packages, transaction);
    await recordAudit(
      {
        ...origin,
        action: "accounts.api-key-changed",
        subjectKind: "api-key",
        subjectId: keyId,
        before,
        after,
      },
      transaction,
    );
    return key;
  });
}

/** What these keys may do with single packages, in the order of the packages. */
export function grantsOf(keyIds: string[]): Promise<ApiKeyPackage[]> {
  return ApiKeyPackage.findAll({ where: { keyId: keyIds }, order: [["serial", "ASC"]] });
}

/** Those of the keys that may act and have the right to do this with the package of this public id. */
export async function keysThatMay(
  permission: Permission,
  packageSerial: number,
  keyIds: string[],
  transaction: Transaction,
): Promise<Set<string>> {
  const grants = await ApiKeyPackage.findAll({
    where: { keyId: keyIds, serial: packageSerial },
    transaction,
  });
  const able = grants.filter(({ rights }) => permitsBy(rights).includes(permission));
  const where = { id: able.map(({ keyId }) => keyId), ...stillAlive() };
  const alive = await ApiKey.findAll({ attributes: ["id"], where, transaction });
  return new Set(alive.map((key) => key.id));
}

/** A key and its maker, while both may act; whether the secret is right is for the caller to see. */
export async function findLiveApiKey(
  which: { prefix: string } | { id: string },
  now = new Date(),
): Promise<{ key: ApiKey; account: Account } | undefined> {
  const key = await ApiKey.findOne({ where: { ...which, ...stillAlive(now) } });
  const account = key && (await Account.findByPk(key.accountId));
  return key && account?.isActive ? { key, account } : undefined;
}

/** The condition of a key that may act. */
export function stillAlive(now = new Date()) {
  return {
    revokedAt: null,
    [Op.or]: [{ expiresAt: null }, { expiresAt: { [Op.gt]: now } }],
  };
}

async function storeGrants(
  keyId: string,
  packages: PackageGrant[],
  transaction: Transaction,
): Promise<void> {
  const rows = packages.map(({ packageId, serial: number, rights }) => {
    return { keyId, packageId, serial: number, rights };
  });
  await ApiKeyPackage.bulkCreate(rows, { transaction });
}

function told(packages: PackageGrant[]) {
  return packages.map(({ serial: number, rights }) => ({ id: String(number), rights }));
}

/** Binds the tables of this file. */
export function defineKeys(sequelize: Sequelize): void {
  ApiKey.init(
    {
      id: id({ primaryKey: true }),
      accountId: id(),
      name: text(100),
      prefix: text(32),
      lastFour: text(4),
      hash: digest(),
      scopes: json(),
      isRestricted: flag({ defaultValue: false }),
      expiresAt: moment({ allowNull: true }),
      revokedAt: moment({ allowNull: true }),
      lastUsedAt: moment({ allowNull: true }),
      createdAt: moment(),
    },
    { sequelize, updatedAt: false, tableName: "api_keys" },
  );
  ApiKeyPackage.init(
    {
      keyId: id({ primaryKey: true }),
      packageId: id({ primaryKey: true }),
      serial: serial(),
      rights: json(),
    },
    { sequelize, tableName: "api_key_packages", timestamps: false },
  );
}
