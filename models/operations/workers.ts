import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  Op,
  type Sequelize,
} from "sequelize";
import { flag, json, moment, text } from "../columns.ts";
import { type Database, inTransaction } from "../database.ts";

/** What a worker last said of itself. */
export class WorkerReport extends Model<
  InferAttributes<WorkerReport>,
  InferCreationAttributes<WorkerReport>
> {
  /** Host name and queues: a worker that is started again takes its place. */
  declare id: string;
  declare queues: string[];
  /** True when it can build APKs: it serves the build queue and has the Android tools and a key to sign with. */
  declare buildsApks: boolean;
  /** What works there, but not as well as it could, in sentences. */
  declare warnings: string[];
  declare seenAt: CreationOptional<Date>;
}

/** Three reports may fail, or be late, before a worker counts as gone. */
const RECENT_MS = 15_000;
const REMEMBERED_MS = 86_400_000;

/** Notes that a worker is there, and what it can do. */
export async function reportWorker(
  database: Database,
  report: Pick<WorkerReport, "id" | "queues" | "buildsApks" | "warnings">,
): Promise<void> {
  await inTransaction(database, (transaction) =>
    WorkerReport.upsert({ ...report, seenAt: new Date() }, { transaction }),
  );
}

/** Notes that a worker serves no more; what it could do stays known. Its next report takes the note back. */
export async function dismissWorker(database: Database, id: string): Promise<void> {
  const seenAt = new Date(Date.now() - RECENT_MS);
  await inTransaction(database, (transaction) =>
    WorkerReport.update({ seenAt }, { where: { id }, transaction }),
  );
}

/** Forgets what the workers of a host said of themselves: for when none of them can be running any more. */
export async function forgetWorkers(database: Database, host: string): Promise<void> {
  await inTransaction(database, (transaction) =>
    WorkerReport.destroy({ where: { id: { [Op.startsWith]: `${host}/` } }, transaction }),
  );
}

/** The workers that were there a moment ago: those that stopped are not among them, those that were killed soon. */
export async function recentWorkers(): Promise<WorkerReport[]> {
  return WorkerReport.findAll({ where: { seenAt: { [Op.gt]: new Date(Date.now() - RECENT_MS) } } });
}

/** Whether an APK that is accepted now will find a worker that can build it, be it after a short outage. */
export async function apkBuilderExists(): Promise<boolean> {
  const seenAt = { [Op.gt]: new Date(Date.now() - REMEMBERED_MS) };
  return (await WorkerReport.count({ where: { buildsApks: true, seenAt } })) > 0;
}

/** Binds the table of this file. */
export function defineWorkers(sequelize: Sequelize): void {
  WorkerReport.init(
    {
      id: text(200, { primaryKey: true }),
      queues: json(),
      buildsApks: flag(),
      warnings: json(),
      seenAt: moment(),
    },
    { sequelize, tableName: "worker_reports", timestamps: false },
  );
}
