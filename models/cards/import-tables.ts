import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from "sequelize";
import { IMPORT_STATES, type ImportState } from "../../domain/cards.ts";
import { bytes, count, digest, flag, id, moment, serial, state, text, times } from "../columns.ts";

/** Cards whose codes were made somewhere else and are taken in. */
export class CardImport extends Model<
  InferAttributes<CardImport>,
  InferCreationAttributes<CardImport>
> {
  declare id: string;
  /** Where the lines lie, their codes sealed; its length, and up to where they have been taken in. */
  declare objectKey: string;
  declare bytes: number;
  declare reached: CreationOptional<number>;
  /** The keyed hash of what was sent. */
  declare digest: string;
  declare state: CreationOptional<ImportState>;
  /** Nothing is taken in: only what would be is found out. */
  declare dryRun: boolean;
  /** The lines that say something; how many of them are cards now, were there already, and have faults. */
  declare lines: number;
  declare imported: CreationOptional<number>;
  declare duplicates: CreationOptional<number>;
  declare faulty: CreationOptional<number>;
  declare prefix: string | null;
  declare policyId: string | null;
  declare productId: string | null;
  declare note: string | null;
  /** How long cards last that have no policy. */
  declare usualSeconds: number;
  declare accountId: string;
  declare actorName: string;
  /** Why it failed. */
  declare error: CreationOptional<string | null>;
  declare completedAt: CreationOptional<Date | null>;
  /** The lines that are no cards are still named. */
  declare hasResults: CreationOptional<boolean>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** A line that is no card now, and why. */
export class CardImportFault extends Model<
  InferAttributes<CardImportFault>,
  InferCreationAttributes<CardImportFault>
> {
  declare importId: string;
  declare line: number;
  declare reason: string;
}

/** Binds the tables of this file. */
export function defineImports(sequelize: Sequelize): void {
  const number = () => count({ defaultValue: 0 });
  CardImport.init(
    {
      id: id({ primaryKey: true }),
      objectKey: text(200),
      bytes: bytes(),
      reached: bytes({ defaultValue: 0 }),
      digest: digest(),
      state: state(IMPORT_STATES, { defaultValue: "queued" }),
      dryRun: flag(),
      lines: count(),
      imported: number(),
      duplicates: number(),
      faulty: number(),
      prefix: text(16, { allowNull: true }),
      policyId: id({ allowNull: true }),
      productId: id({ allowNull: true }),
      note: text(500, { allowNull: true }),
      usualSeconds: serial(),
      accountId: id(),
      actorName: text(100),
      error: text(500, { allowNull: true }),
      completedAt: moment({ allowNull: true }),
      hasResults: flag({ defaultValue: true }),
      ...times(),
    },
    { sequelize, tableName: "card_imports" },
  );
  CardImportFault.init(
    { importId: id({ primaryKey: true }), line: count({ primaryKey: true }), reason: text(200) },
    { sequelize, timestamps: false, tableName: "card_import_faults" },
  );
}
