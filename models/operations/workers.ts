import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  Op,
  type Sequelize,
} from "sequelize";
import { QUEUES } from "../../domain/queues.ts";
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
  /** Of the programs that pipelines need, those it has. */
  declare tools: CreationOptional<string[] | null>;
  /** The names of what pipelines may refer to that it is configured with. */
  declare knownReferences: CreationOptional<string[] | null>;
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
  report: Pick<WorkerReport, "id" | "queues" | "buildsApks" | "warnings"> &
    Partial<Pick<WorkerReport, "tools" | "knownReferences">>,
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

/** What a worker that can fetch media has among its tools. */
export const MEDIA_TOOL = "yt-dlp";

/** Whether media that is ordered now will find a worker that can fetch it, be it after a short outage. */
export async function mediaFetcherExists(): Promise<boolean> {
  const seenAt = { [Op.gt]: new Date(Date.now() - REMEMBERED_MS) };
  const workers = await WorkerReport.findAll({ where: { seenAt } });
  return workers.some(({ tools }) => tools?.includes(MEDIA_TOOL));
}

/** What a pipeline needs of one worker. */
interface Needs {
  tools: readonly string[];
  references: readonly string[];
}

/** What of a pipeline's needs the worker lacks that comes nearest to having all; nothing when one has. */
export async function lackingBuilders({ tools, references }: Needs): Promise<string[]> {
  const needed = [...tools, ...references];
  const lacks = (await builders()).map(({ tools: had, knownReferences: known }) => {
    const has = new Set([...(had ?? []), ...(known ?? [])]);
    return needed.filter((one) => !has.has(one));
  });
  return lacks.sort((a, b) => a.length - b.length)[0] ?? needed;
}

/** Everything that pipelines may refer to because a worker is configured with it. */
export async function knownReferences(): Promise<string[]> {
  return [...new Set((await builders()).flatMap((worker) => worker.knownReferences ?? []))];
}

/** Workers that run tools and were there within the last day, be it that they are out for a while. */
async function builders(): Promise<WorkerReport[]> {
  const seenAt = { [Op.gt]: new Date(Date.now() - REMEMBERED_MS) };
  const workers = await WorkerReport.findAll({ where: { seenAt } });
  return workers.filter(({ queues }) => queues.includes(QUEUES.build));
}

/** Binds the table of this file. */
export function defineWorkers(sequelize: Sequelize): void {
  WorkerReport.init(
    {
      id: text(200, { primaryKey: true }),
      queues: json(),
      buildsApks: flag(),
      tools: json({ allowNull: true }),
      knownReferences: json({ allowNull: true }),
      warnings: json(),
      seenAt: moment(),
    },
    { sequelize, tableName: "worker_reports", timestamps: false },
  );
}
