import { DataTypes, type Model, type ModelAttributeColumnOptions } from "sequelize";

/** One column, the same for a model and for a migration. Nothing is null unless `allowNull` says so. */
export type Column = ModelAttributeColumnOptions;
type More = Partial<Column>;

const column = (type: Column["type"], more: More): Column => ({ type, allowNull: false, ...more });

/** A UUID, made by the first to know the thing. */
export const id = (more: More = {}): Column => column(DataTypes.CHAR(36), more);

/** A sha256 in lower-case hex. */
export const digest = (more: More = {}): Column => column(DataTypes.CHAR(64), more);

/** Text of at most so many characters, compared exactly: letter case, accents and trailing spaces count. */
export const text = (characters: number, more: More = {}): Column =>
  column(DataTypes.STRING(characters), { validate: { len: [0, characters] }, ...more });

/** Text of up to 16 MiB, not for comparing. */
export const longText = (more: More = {}): Column => column(DataTypes.TEXT, more);

/** A count of bytes, up to 2^53, as a number. */
export const bytes = (more: More = {}): Column => column(DataTypes.BIGINT, more);

/** An amount of money, as a number. */
export const fen = (more: More = {}): Column => column(DataTypes.BIGINT, more);

/** A whole number up to 2^31. */
export const count = (more: More = {}): Column => column(DataTypes.INTEGER, more);

/** A number that people know a thing by, from `nextSerial`. */
export const serial = (more: More = {}): Column => column(DataTypes.BIGINT, more);

export const flag = (more: More = {}): Column => column(DataTypes.BOOLEAN, more);

/** A moment in UTC, to the millisecond. */
export const moment = (more: More = {}): Column => column(DataTypes.DATE(3), more);

/** One word of `states`; writing another one throws. */
export const state = (states: readonly string[], more: More = {}): Column =>
  column(DataTypes.STRING(20), { validate: { isIn: [[...states]] }, ...more });

/** Any JSON value, kept as text and never searched. */
export const json = (more: More = {}): Column =>
  column(DataTypes.TEXT, {
    get(this: Model, name?: string) {
      const kept = this.getDataValue(name!) as string | null | undefined;
      return typeof kept === "string" ? (JSON.parse(kept) as unknown) : kept;
    },
    set(this: Model, value: unknown, name?: string) {
      this.setDataValue(
        name!,
        value === null || value === undefined ? null : JSON.stringify(value),
      );
    },
    ...more,
  } as More);

/** `createdAt` and `updatedAt`, kept by Sequelize. */
export const times = (): { createdAt: Column; updatedAt: Column } => ({
  createdAt: moment(),
  updatedAt: moment(),
});

/** The moment so many seconds after another one. */
export function secondsAfter(from: Date, seconds: number): Date {
  return new Date(from.getTime() + seconds * 1000);
}
