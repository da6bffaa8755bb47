import type { Sequelize, Transaction } from "sequelize";

/** An opened database with all models defined on it. */
export interface Database {
  readonly sequelize: Sequelize;
  readonly dialect: "sqlite" | "mysql";
  close(): Promise<void>;
}

/** Runs `body` in one transaction; every write of the product goes through here. */
export declare function inTransaction<T>(
  database: Database,
  body: (transaction: Transaction) => Promise<T>,
): Promise<T>;
