import {
  type InferAttributes,
  type InferCreationAttributes,
  literal,
  Model,
  type Sequelize,
  type Transaction,
} from "sequelize";
import { serial, text } from "../columns.ts";
import { isTaken } from "../database.ts";

/** A number that only grows. */
export class Counter extends Model<InferAttributes<Counter>, InferCreationAttributes<Counter>> {
  declare name: string;
  declare value: number;
}

const FIRST_SERIAL = 1001;

/** The next number of `name`, from 1001 on; each is given once, and given back when the transaction fails. */
export async function nextSerial(name: string, transaction: Transaction): Promise<number> {
  return (
    (await increment(name, transaction)) ??
    ((await begin(name, FIRST_SERIAL, transaction))
      ? FIRST_SERIAL
      : (await increment(name, transaction))!)
  );
}

/** The first of `count` numbers in a row that nobody else has. */
export async function nextSerials(
  name: string,
  count: number,
  transaction: Transaction,
): Promise<number> {
  const first = await nextSerial(name, transaction);
  const value = literal(`value + ${count - 1}`);
  await Counter.update({ value }, { where: { name }, transaction });
  return first;
}

/** True for the first transaction ever that asks for `name`: what must happen once hangs on it. */
export async function isFirst(name: string, transaction: Transaction): Promise<boolean> {
  return begin(name, 1, transaction);
}

/**
 * The update locks the row until the transaction ends, so that the number read after it is ours alone. Without a
 * row to lock there is nothing to read either: another transaction may begin the counter in between.
 */
async function increment(name: string, transaction: Transaction): Promise<number | undefined> {
  const where = { name };
  const [counted] = await Counter.update({ value: literal("value + 1") }, { where, transaction });
  if (counted === 0) return undefined;
  const counter = await Counter.findOne({ where, transaction, rejectOnEmpty: true });
  return counter.value;
}

async function begin(name: string, value: number, transaction: Transaction): Promise<boolean> {
  try {
    await Counter.create({ name, value }, { transaction });
    return true;
  } catch (error) {
    if (isTaken(error)) return false;
    throw error;
  }
}

/** Binds the table of this file. */
export function defineCounters(sequelize: Sequelize): void {
  Counter.init(
    { name: text(50, { primaryKey: true }), value: serial() },
    { sequelize, timestamps: false, tableName: "counters" },
  );
}
