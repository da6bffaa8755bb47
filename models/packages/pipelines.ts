import type { Transaction } from "sequelize";
import { refusal } from "../../domain/errors.ts";
import { PACKAGE_TYPES, type PackageType } from "../../domain/packages.ts";
import type { Pipeline } from "../../domain/pipelines.ts";
import { SHIPPED_PIPELINES } from "../../domain/shipped-pipelines.ts";
import { type Database, inTransaction } from "../database.ts";
import {
  findPipelineVersion,
  noPipeline,
  type PipelineVersion,
  removePipeline,
} from "../pipelines.ts";
import type { Asker } from "./orders.ts";
import { Package, type PackageRun } from "./tables.ts";

/**
 * What a build of this package goes through that is accepted now: the newest version of the pipeline that it has
 * chosen, else of the one named like its type. Refuses one that is not for packages of its type.
 */
export async function pipelineOf(
  { type, pipeline }: Pick<Package, "type"> & { pipeline?: string | null | undefined },
  transaction?: Transaction,
): Promise<PipelineVersion> {
  const name = pipeline ?? type;
  const found = await findPipelineVersion(name, undefined, transaction);
  if (!found) throw noPipeline(name);
  const { types } = found.definition;
  if (types.includes(type)) return found;
  throw refusal(
    "packages/pipeline-unfit",
    `Pipeline ${name} is for ${types.join(", ")}, this package is an ${type}. Choose another one.`,
  );
}

/** What a run was accepted with; what was shipped first for one that was accepted before pipelines had versions. */
export async function pipelineOfRun(
  { pipeline, pipelineVersion }: PackageRun,
  type: PackageType,
): Promise<Pipeline> {
  if (pipeline === null || pipelineVersion === null) return SHIPPED_PIPELINES[type]!;
  const found = await findPipelineVersion(pipeline, pipelineVersion);
  if (!found) throw noPipeline(pipeline);
  return found.definition;
}

/** Removes a pipeline that nobody goes through. Refuses one in use, and says by whom. */
export async function deletePipeline(
  database: Database,
  name: string,
  asker: Asker,
): Promise<void> {
  if ((PACKAGE_TYPES as readonly string[]).includes(name)) {
    const advice = `Packages of type ${name} that have chosen none go through it. Save another version of it.`;
    throw refusal("pipelines/default", advice);
  }
  await inTransaction(database, async (transaction) => {
    const users = await Package.findAll({
      where: { pipeline: name, deletedAt: null },
      attributes: ["serial", "name"],
      order: ["serial"],
      limit: SHOWN_USERS,
      transaction,
    });
    if (users.length > 0) {
      const packages = users.map((user) => ({ id: String(user.serial), name: user.name }));
      const advice = `Packages go through it, as ${packages[0]!.name}. Let them choose another one first.`;
      throw refusal("pipelines/in-use", advice, { fields: { packages } });
    }
    await removePipeline(name, asker, transaction);
  });
}

/** How many of those who go through a pipeline are named. */
const SHOWN_USERS = 20;
