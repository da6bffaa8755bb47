import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  literal,
  Model,
  Op,
  type Sequelize,
  type Transaction,
  type WhereOptions,
} from "sequelize";
import type { Actor } from "../domain/accounts.ts";
import { refusal } from "../domain/errors.ts";
import type { Pipeline as Definition } from "../domain/pipelines.ts";
import { count, id, json, moment, text, times } from "./columns.ts";
import { type Database, inTransaction, isTaken } from "./database.ts";
import { recordAudit } from "./operations.ts";

/** A pipeline by its name, and which of its versions is the newest. */
export class Pipeline extends Model<InferAttributes<Pipeline>, InferCreationAttributes<Pipeline>> {
  declare name: string;
  declare version: number;
  /** Nobody can choose it any more; its versions stay for the runs that went through them. */
  declare deletedAt: CreationOptional<Date | null>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** What a pipeline was when it was saved. Never changed, never removed. */
export class PipelineVersion extends Model<
  InferAttributes<PipelineVersion>,
  InferCreationAttributes<PipelineVersion>
> {
  declare name: string;
  declare version: number;
  declare definition: Definition;
  declare savedById: CreationOptional<string | null>;
  declare savedBy: string;
  declare createdAt: CreationOptional<Date>;
}

/** Who saves or removes, and in which request. */
interface Asker {
  actor: Actor;
  address: string;
  requestId: string;
}

/** Saves a pipeline under a new name; one that was removed goes on with its next version. Refuses a name in use. */
export async function createPipeline(
  database: Database,
  name: string,
  definition: Definition,
  asker: Asker,
): Promise<void> {
  try {
    await inTransaction(database, async (transaction) => {
      const removed = { name, deletedAt: { [Op.not]: null } };
      if ((await stepForward(removed, transaction)) === 0) {
        await Pipeline.create({ name, version: 1 }, { transaction });
      }
      await addVersion(name, definition, asker, transaction);
      await audit("pipelines.created", name, asker, transaction, { after: definition });
    });
  } catch (error) {
    if (!isTaken(error)) throw error;
    throw refusal("pipelines/name-taken", "A pipeline of this name exists. Save over it.");
  }
}

/** Saves a pipeline as its next version. Runs that were accepted before go through the version they were accepted with. */
export async function savePipeline(
  database: Database,
  name: string,
  definition: Definition,
  asker: Asker,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    if ((await stepForward({ name, deletedAt: null }, transaction)) === 0) throw noPipeline(name);
    const { version } = await Pipeline.findByPk(name, { transaction, rejectOnEmpty: true });
    const before = await PipelineVersion.findOne({
      where: { name, version: version - 1 },
      transaction,
      rejectOnEmpty: true,
    });
    await addVersion(name, definition, asker, transaction);
    const changed = { before: before.definition, after: definition };
    await audit("pipelines.saved", name, asker, transaction, changed);
  });
}

/** One version of a pipeline, the newest when not told which; undefined when there is none, or it was removed. */
export async function findPipelineVersion(
  name: string,
  version?: number,
  transaction?: Transaction,
): Promise<PipelineVersion | undefined> {
  const within = transaction ? { transaction } : {};
  const row = await Pipeline.findByPk(name, within);
  if (!row || (row.deletedAt && version === undefined)) return undefined;
  const where = { name, version: version ?? row.version };
  return (await PipelineVersion.findOne({ where, ...within })) ?? undefined;
}

/** The newest version of every pipeline that can be chosen, by name. */
export async function listPipelineVersions(): Promise<PipelineVersion[]> {
  const rows = await Pipeline.findAll({ where: { deletedAt: null }, order: ["name"] });
  const newest = rows.map(({ name, version }) => ({ name, version }));
  return PipelineVersion.findAll({ where: { [Op.or]: newest }, order: ["name"] });
}

/** The refusal of a pipeline that is not there. */
export function noPipeline(name: string): ReturnType<typeof refusal> {
  return refusal("pipelines/not-found", `There is no pipeline ${name}.`);
}

/** Removes a pipeline for those who choose; its versions stay. Refuses one that is not there. */
export async function removePipeline(
  name: string,
  asker: Asker,
  transaction: Transaction,
): Promise<void> {
  const [removed] = await Pipeline.update(
    { deletedAt: new Date() },
    { where: { name, deletedAt: null }, transaction },
  );
  if (removed === 0) throw noPipeline(name);
  await audit("pipelines.deleted", name, asker, transaction, {});
}

async function stepForward(where: WhereOptions, transaction: Transaction): Promise<number> {
  const next = { deletedAt: null, version: literal("version + 1") as unknown as number };
  const [stepped] = await Pipeline.update(next, { where, transaction });
  return stepped;
}

async function addVersion(
  name: string,
  definition: Definition,
  { actor }: Asker,
  transaction: Transaction,
): Promise<void> {
  const { version } = await Pipeline.findByPk(name, { transaction, rejectOnEmpty: true });
  const by = { savedById: actor.accountId, savedBy: actor.name };
  await PipelineVersion.create({ name, version, definition, ...by }, { transaction });
}

function audit(
  action: string,
  name: string,
  { actor, address, requestId }: Asker,
  transaction: Transaction,
  changed: { before?: object; after?: object },
): Promise<void> {
  const subject = { subjectKind: "pipeline", subjectId: name };
  return recordAudit({ actor, action, ...subject, address, requestId, ...changed }, transaction);
}

/** Binds the tables of this file. */
export function definePipelines(sequelize: Sequelize): void {
  Pipeline.init(
    {
      name: text(50, { primaryKey: true }),
      version: count(),
      deletedAt: moment({ allowNull: true }),
      ...times(),
    },
    { sequelize, tableName: "pipelines" },
  );
  PipelineVersion.init(
    {
      name: text(50, { primaryKey: true }),
      version: count({ primaryKey: true }),
      definition: json(),
      savedById: id({ allowNull: true }),
      savedBy: text(255),
      createdAt: moment(),
    },
    { sequelize, updatedAt: false, tableName: "pipeline_versions" },
  );
}
