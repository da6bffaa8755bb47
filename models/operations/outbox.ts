import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  Op,
  type Sequelize,
  type Transaction,
} from "sequelize";
import { v7 as newId } from "uuid";
import { count, id, json, moment, secondsAfter, text } from "../columns.ts";
import { type Database, inTransaction } from "../database.ts";
import { Table } from "../statements.ts";

/** A workflow that a transaction starts or commands; a relay delivers it after the commit, at least once. */
export interface OutboxMessage {
  id: string;
  /** The name of the workflow's type. */
  workflow: string;
  workflowId: string;
  input: unknown;
  /** An update that is sent together with the start; its id makes a second delivery harmless. */
  command: { update: string; id: string; argument: unknown } | null;
  /** Until then the started workflow is there and does nothing; at once when not given. Not together with a command. */
  startAt?: Date | null;
  /** One line for people who look at the workflow. */
  summary: string;
  kind: string;
  subject: string;
  headers: { accountId?: string; actorName?: string; requestId?: string };
}

/** One message on its way, kept until it was delivered. */
export class OutboxEntry
  extends Model<InferAttributes<OutboxEntry>, InferCreationAttributes<OutboxEntry>>
  implements OutboxMessage
{
  declare id: string;
  declare workflow: string;
  declare workflowId: string;
  declare input: unknown;
  declare command: OutboxMessage["command"];
  declare startAt: CreationOptional<Date | null>;
  declare summary: string;
  declare kind: string;
  declare subject: string;
  declare headers: OutboxMessage["headers"];
  /** How often a relay took it. */
  declare attempts: CreationOptional<number>;
  declare dueAt: CreationOptional<Date>;
  declare claimedBy: CreationOptional<string | null>;
  declare claimedUntil: CreationOptional<Date | null>;
  declare lastError: CreationOptional<string | null>;
  declare createdAt: CreationOptional<Date>;
}

/** Hands a message to the relay if, and only if, `transaction` commits. */
export async function enqueue(message: OutboxMessage, transaction: Transaction): Promise<void> {
  await OUTBOX.add([{ ...message, dueAt: new Date() }], transaction);
}

/** For how many seconds the oldest message that is due has been waiting; 0 when none is. */
export async function outboxDelay(now = new Date()): Promise<number> {
  const oldest = await OutboxEntry.findOne({
    attributes: ["dueAt"],
    where: { dueAt: { [Op.lte]: now } },
    order: [["dueAt", "ASC"]],
  });
  return oldest ? (now.getTime() - oldest.dueAt.getTime()) / 1000 : 0;
}

/** Messages that are due, oldest first, and the token that proves the claim. No other relay gets them within the lease. */
export async function claimOutbox(
  database: Database,
  { limit, leaseSeconds }: { limit: number; leaseSeconds: number },
): Promise<{ token: string; entries: OutboxEntry[] }> {
  const token = newId();
  const now = new Date();
  const order: [string, "ASC"][] = [
    ["dueAt", "ASC"],
    ["id", "ASC"],
  ];
  const free = { [Op.or]: [{ claimedUntil: null }, { claimedUntil: { [Op.lte]: now } }] };
  const due = await OutboxEntry.findAll({
    attributes: ["id"],
    where: { dueAt: { [Op.lte]: now }, ...free },
    order,
    limit,
  });
  if (due.length === 0) return { token, entries: [] };
  await inTransaction(database, async (transaction) => {
    await OutboxEntry.update(
      { claimedBy: token, claimedUntil: secondsAfter(now, leaseSeconds) },
      { where: { id: due.map((entry) => entry.id), ...free }, transaction },
    );
    await OutboxEntry.increment("attempts", { where: { claimedBy: token }, transaction });
  });
  const entries = await OutboxEntry.findAll({ where: { claimedBy: token }, order });
  return { token, entries };
}

/** Forgets a delivered message. False when the claim had passed to another relay. */
export async function finishOutbox(
  database: Database,
  messageId: string,
  token: string,
): Promise<boolean> {
  const gone = await inTransaction(database, (transaction) =>
    OutboxEntry.destroy({ where: { id: messageId, claimedBy: token }, transaction }),
  );
  return gone === 1;
}

/** Forgets what was still to be told to a workflow. A message that a relay has in its hands may arrive all the same. */
export async function dropOutbox(workflowId: string, transaction: Transaction): Promise<void> {
  await OutboxEntry.destroy({ where: { workflowId }, transaction });
}

/** Gives a message back, to be tried again after `delaySeconds`. False when the claim had passed to another relay. */
export async function retryOutbox(
  database: Database,
  messageId: string,
  token: string,
  error: string,
  delaySeconds: number,
): Promise<boolean> {
  const [given] = await inTransaction(database, (transaction) =>
    OutboxEntry.update(
      {
        claimedBy: null,
        claimedUntil: null,
        dueAt: secondsAfter(new Date(), delaySeconds),
        lastError: error.slice(0, 1000),
      },
      { where: { id: messageId, claimedBy: token }, transaction },
    ),
  );
  return given === 1;
}

const columns = () => ({
  id: id({ primaryKey: true }),
  workflow: text(64),
  workflowId: text(200),
  input: json(),
  command: json({ allowNull: true }),
  startAt: moment({ allowNull: true }),
  summary: text(200),
  kind: text(32),
  subject: text(64),
  headers: json(),
  attempts: count({ defaultValue: 0 }),
  dueAt: moment(),
  claimedBy: id({ allowNull: true }),
  claimedUntil: moment({ allowNull: true }),
  lastError: text(1000, { allowNull: true }),
  createdAt: moment(),
});

const OUTBOX = new Table<OutboxEntry>("outbox_entries", columns());

/** Binds the table of this file. */
export function defineOutbox(sequelize: Sequelize): void {
  OutboxEntry.init(columns(), { sequelize, updatedAt: false, tableName: "outbox_entries" });
}
