import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from "sequelize";
import type { Role } from "../../domain/accounts.ts";
import { count, digest, flag, id, moment, text } from "../columns.ts";

/** A person who signs in, or a service that acts by API keys alone. */
export class Account extends Model<InferAttributes<Account>, InferCreationAttributes<Account>> {
  declare id: string;
  declare username: string;
  declare email: CreationOptional<string | null>;
  /** When a code proved that the address is theirs. */
  declare emailVerifiedAt: CreationOptional<Date | null>;
  /** Since when they say that it is. */
  declare emailClaimedAt: CreationOptional<Date | null>;
  /** Proven by a code. */
  declare phone: CreationOptional<string | null>;
  /** A number they say is theirs: it counts for nothing until a code proves it. */
  declare claimedPhone: CreationOptional<string | null>;
  /** Argon2id, with its parameters. */
  declare passwordHash: string;
  declare role: Role;
  /** Has a password that nobody knows, and keys that administrators make. */
  declare isService: CreationOptional<boolean>;
  declare isActive: CreationOptional<boolean>;
  declare avatar: CreationOptional<string | null>;
  declare memberLevel: CreationOptional<number>;
  declare lastLoginAt: CreationOptional<Date | null>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** One sign-in: the family of all refresh tokens that follow from it. It ends at `expiresAt`, however often it is used. */
export class Session extends Model<InferAttributes<Session>, InferCreationAttributes<Session>> {
  declare id: string;
  declare accountId: string;
  declare address: string;
  declare userAgent: string;
  declare lastUsedAt: Date;
  declare expiresAt: Date;
  declare revokedAt: CreationOptional<Date | null>;
  declare createdAt: CreationOptional<Date>;
}

/** One refresh token of a session, by the sha256 of what the client holds. It is good for one use. */
export class RefreshToken extends Model<
  InferAttributes<RefreshToken>,
  InferCreationAttributes<RefreshToken>
> {
  declare hash: string;
  declare sessionId: string;
  declare usedAt: CreationOptional<Date | null>;
  declare createdAt: CreationOptional<Date>;
}

/** Binds the tables of this file. */
export function definePeople(sequelize: Sequelize): void {
  const once = { sequelize, updatedAt: false } as const;
  Account.init(
    {
      id: id({ primaryKey: true }),
      username: text(50),
      email: text(255, { allowNull: true }),
      emailVerifiedAt: moment({ allowNull: true }),
      emailClaimedAt: moment({ allowNull: true }),
      phone: text(20, { allowNull: true }),
      claimedPhone: text(20, { allowNull: true }),
      passwordHash: text(255),
      role: text(20),
      isService: flag({ defaultValue: false }),
      isActive: flag({ defaultValue: true }),
      avatar: text(255, { allowNull: true }),
      memberLevel: count({ defaultValue: 0 }),
      lastLoginAt: moment({ allowNull: true }),
      createdAt: moment(),
      updatedAt: moment(),
    },
    { sequelize, tableName: "accounts" },
  );
  Session.init(
    {
      id: id({ primaryKey: true }),
      accountId: id(),
      address: text(64),
      userAgent: text(255),
      lastUsedAt: moment(),
      expiresAt: moment(),
      revokedAt: moment({ allowNull: true }),
      createdAt: moment(),
    },
    { ...once, tableName: "sessions" },
  );
  RefreshToken.init(
    {
      hash: digest({ primaryKey: true }),
      sessionId: id(),
      usedAt: moment({ allowNull: true }),
      createdAt: moment(),
    },
    { ...once, tableName: "refresh_tokens" },
  );
}
