import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  Op,
  type Sequelize,
  type Transaction,
} from "sequelize";
import { LIMITS } from "../../domain/limits.ts";
import { digest, id, moment, secondsAfter, text } from "../columns.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";
import { auditAccount, type Origin } from "./audit.ts";

/** The OpenID of an account: each has at most one, and each belongs to one. */
export class OidcIdentity extends Model<
  InferAttributes<OidcIdentity>,
  InferCreationAttributes<OidcIdentity>
> {
  /** The sha256 of issuer and subject, which together may be long. */
  declare hash: string;
  declare accountId: string;
  declare issuer: string;
  declare subject: string;
  declare linkedAt: CreationOptional<Date>;
}

/** Whom a provider named. */
export type OidcNamed = Pick<OidcIdentity, "hash" | "issuer" | "subject">;

/** A sign-in that is under way at a provider, by the sha256 of what whoever began it holds. It is good for one return. */
export class OidcState extends Model<
  InferAttributes<OidcState>,
  InferCreationAttributes<OidcState>
> {
  declare hash: string;
  /** What the return is checked with, sealed. */
  declare sealed: string;
  declare expiresAt: Date;
  declare createdAt: CreationOptional<Date>;
}

/** Begins to wait for somebody to return from the provider. */
export async function openOidcState(
  database: Database,
  state: Pick<OidcState, "hash" | "sealed">,
  now = new Date(),
): Promise<void> {
  const expiresAt = secondsAfter(now, LIMITS.oidcSeconds);
  await inTransaction(database, (transaction) =>
    OidcState.create({ ...state, expiresAt }, { transaction }),
  );
}

/** What a return is checked with: for one of any number who ask, and in time. */
export async function takeOidcState(
  database: Database,
  hash: string,
  now = new Date(),
): Promise<string | undefined> {
  return inTransaction(database, async (transaction) => {
    const where = { hash, expiresAt: { [Op.gt]: now } };
    const state = await OidcState.findOne({ where, transaction });
    if (!state || (await OidcState.destroy({ where, transaction })) !== 1) return undefined;
    return state.sealed;
  });
}

/** The account that an OpenID belongs to. */
export async function findByOidc(hash: string): Promise<OidcIdentity | null> {
  return OidcIdentity.findByPk(hash);
}

/** Why an OpenID was not linked: it is another account's, or the account has another one. */
export type OidcHindered = "taken" | "another";

/** Links an OpenID to an account. Undefined when it is linked, now or before. */
export async function linkOidc(
  database: Database,
  accountId: string,
  named: OidcNamed,
  origin: Origin,
): Promise<OidcHindered | undefined> {
  const attempt = () =>
    inTransaction(database, async (transaction) => {
      const holder = await OidcIdentity.findByPk(named.hash, { transaction });
      if (holder) return holder.accountId === accountId ? undefined : "taken";
      if (await OidcIdentity.count({ where: { accountId }, transaction })) return "another";
      await linkWithin(accountId, named, transaction);
      const after = { issuer: named.issuer, subject: named.subject };
      await auditAccount(origin, "accounts.oidc-linked", accountId, transaction, { after });
      return undefined;
    });
  try {
    return await attempt();
  } catch (error) {
    if (!isTaken(error)) throw error;
    return attempt(); // Somebody linked at the same moment: now it shows.
  }
}

/** Links an OpenID to a new account, within the transaction that makes it. */
export async function linkWithin(
  accountId: string,
  named: OidcNamed,
  transaction: Transaction,
): Promise<void> {
  await OidcIdentity.create({ ...named, accountId, linkedAt: new Date() }, { transaction });
}

/** Takes the OpenID from an account. False when it has none. */
export async function unlinkOidc(
  database: Database,
  accountId: string,
  origin: Origin,
): Promise<boolean> {
  return inTransaction(database, async (transaction) => {
    const identity = await OidcIdentity.findOne({ where: { accountId }, transaction });
    if (!identity || !(await OidcIdentity.destroy({ where: { accountId }, transaction }))) {
      return false;
    }
    const before = { issuer: identity.issuer, subject: identity.subject };
    await auditAccount(origin, "accounts.oidc-unlinked", accountId, transaction, { before });
    return true;
  });
}

/** Removes sign-ins that nobody returned from before `before`; answers how many. */
export async function forgetOidcStates(database: Database, before: Date): Promise<number> {
  return inTransaction(database, (transaction) =>
    OidcState.destroy({ where: { expiresAt: { [Op.lt]: before } }, transaction }),
  );
}

/** Binds the tables of this file. */
export function defineOidc(sequelize: Sequelize): void {
  OidcIdentity.init(
    {
      hash: digest({ primaryKey: true }),
      accountId: id(),
      issuer: text(255),
      subject: text(255),
      linkedAt: moment(),
    },
    { sequelize, timestamps: false, tableName: "oidc_identities" },
  );
  OidcState.init(
    {
      hash: digest({ primaryKey: true }),
      sealed: text(1000),
      expiresAt: moment(),
      createdAt: moment(),
    },
    { sequelize, updatedAt: false, tableName: "oidc_states" },
  );
}
