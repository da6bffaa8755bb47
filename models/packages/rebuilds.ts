import { Op, type Transaction } from "sequelize";
import { refusal } from "../../domain/errors.ts";
import { BUILD_KINDS, decidedAgainst } from "../../domain/packages.ts";
import type { BuildStep, RunKind } from "../../domain/packages.ts";
import { type Pipeline, stepNames } from "../../domain/pipelines.ts";
import { type Database, inTransaction } from "../database.ts";
import { artefactOf, type KeptObject } from "./artefacts.ts";
import { assertSecondPerson, type Demand } from "./approval.ts";
import { addRun, type Asker, auditPackage, holdPackage, tellLine } from "./orders.ts";
import { pipelineOf } from "./pipelines.ts";
import { type Package, PackageRun, PackageStep, PackageVersion } from "./tables.ts";

/** How far back a run is looked for that has come to a step. */
const RECENT_RUNS = 50;

/** A version is to be built again: wholly, from a step on, or out of something else. */
interface Rebuild {
  runId: string;
  version: PackageVersion;
  kind: RunKind;
  /** The first step that runs again; what earlier ones left is reused. */
  fromStep?: string | undefined;
  /** The sha256 of an original, build or step's output of this package, to begin with. */
  input?: string | undefined;
  /** The publication number of an earlier run whose place this one takes; the next one if not given. */
  number?: number | undefined;
}

/** Where a build begins: with which step, out of what, and after which steps of an earlier run. */
export interface BuildStart {
  fromStep: BuildStep | null;
  input: KeptObject | null;
  reused: PackageStep[];
}

/**
 * Accepts that a version is built again, and published when it is no draft. One that has failed or was removed can
 * become ready by this; one that is ready shows its link's clients what it was until the new build is live.
 */
export async function acceptRebuild(
  database: Database,
  owner: Package,
  { fourEyes, ...rebuild }: Rebuild & Demand,
  asker: Asker,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await holdPackage(owner, transaction);
    // Out of something else a published version would show what nobody has let go out.
    if (rebuild.input !== undefined) {
      await assertSecondPerson({ packageId: owner.id }, { fourEyes }, asker, transaction);
    }
    await orderRebuild(owner, rebuild, asker, transaction);
    const { version, kind, fromStep = null, input = null } = rebuild;
    const after = { version: version.version, kind, from_step: fromStep, input };
    await auditPackage("packages.rebuild-ordered", owner, { after }, asker, transaction);
  });
}

/** The order of `acceptRebuild` as a part of a larger one, which holds the package and writes the audit. */
export async function orderRebuild(
  owner: Package,
  { runId, version: { id: versionId }, kind, fromStep, input, number }: Rebuild,
  asker: Asker,
  transaction: Transaction,
): Promise<void> {
  const version = await PackageVersion.findByPk(versionId, { transaction, rejectOnEmpty: true });
  const refused = decidedAgainst(version);
  if (refused) throw refused;
  if (version.state === "removed" && version.artefactKey) {
    const advice = `Version ${version.version} is just being removed. Try again in a moment.`;
    throw refusal("packages/version-processing", advice);
  }
  const start = await findStart(owner, version, { fromStep, input }, transaction);
  const [again] = await PackageVersion.update(
    { state: "processing", removedAt: null },
    { where: { id: versionId, state: ["failed", "removed"] }, transaction },
  );
  if (again === 0 && version.state !== "ready") {
    throw refusal(
      "packages/version-processing",
      `Version ${version.version} is being built. Wait for its run to end, or cancel it.`,
    );
  }
  const begin = {
    fromStep: start.fromStep,
    inputKey: start.input?.key ?? null,
    inputBytes: start.input?.bytes ?? null,
    inputSha256: start.input?.sha256 ?? null,
  };
  const turn = version.isDraft ? "later" : number ? { number } : "now";
  const run = { runId, kind, version, turn, start: begin } as const;
  const argument = await addRun(owner, run, asker, transaction);
  await PackageStep.bulkCreate(
    start.reused.map((step) => ({ ...step.get({ plain: true }), runId, state: "reused" as const })),
    { transaction },
  );
  await tellLine(owner, { update: "rebuildVersion", id: runId, argument }, asker, transaction);
}

/** Where a build of `version` begins that is asked for so; refuses what cannot be, with what to do instead. */
export async function findStart(
  owner: Package,
  version: PackageVersion,
  asked: { fromStep?: string | undefined; input?: string | undefined },
  transaction?: Transaction,
): Promise<BuildStart> {
  const within = transaction ? { transaction } : {};
  const { definition } = await pipelineOf(owner, transaction);
  const fromStep = asked.fromStep === undefined ? null : namedStep(definition, asked.fromStep);
  const input = asked.input === undefined ? null : await findObject(owner, asked.input, within);
  if (fromStep === null || fromStep === "metadata") return { fromStep, input, reused: [] };
  if (input) return { fromStep, input, reused: [] };
  return findReusable(version, fromStep, within);
}

function namedStep(pipeline: Pipeline, name: string): BuildStep {
  const steps = stepNames(pipeline);
  if (steps.includes(name)) return name;
  const message = `must be one of ${steps.join(", ")}`;
  throw refusal("packages/no-such-step", `There is no step ${name}.`, {
    issues: [{ path: "from_step", message }],
  });
}

interface Within {
  transaction?: Transaction;
}

/** What the newest run left before `fromStep` that has come so far. */
async function findReusable(
  version: PackageVersion,
  fromStep: BuildStep,
  within: Within,
): Promise<BuildStart> {
  const runs = await PackageRun.findAll({
    where: { versionId: version.id, kind: [...BUILD_KINDS] },
    order: [
      ["createdAt", "DESC"],
      ["id", "DESC"],
    ],
    limit: RECENT_RUNS,
    ...within,
  });
  let cleared = false;
  for (const run of runs) {
    if (!run.plan?.includes(fromStep)) continue;
    const before = run.plan.slice(0, run.plan.indexOf(fromStep));
    const steps = await PackageStep.findAll({
      where: { runId: run.id, name: before, state: ["succeeded", "reused"] },
      order: [["position", "ASC"]],
      ...within,
    });
    const input = steps.at(-1) && outputOf(steps.at(-1)!);
    if (!input || steps.length < before.length) continue;
    if (!run.clearedAt || input.key === version.originalKey) {
      return { fromStep, input, reused: steps };
    }
    cleared = true;
  }
  const { version: name } = version;
  if (cleared) throw outputGone();
  throw refusal(
    "packages/step-not-reached",
    `No run of version ${name} has come to ${fromStep}. Build it from an earlier step.`,
  );
}

/** The refusal of a build that would begin with what is not kept any more. */
export function outputGone(): ReturnType<typeof refusal> {
  return refusal(
    "packages/output-gone",
    "What this would begin with is not kept any more. Build from an earlier step, or without from_step.",
  );
}

/** Any original, build or step's output of the package with this digest. */
async function findObject(
  { id: packageId }: Package,
  sha256: string,
  within: Within,
): Promise<KeptObject> {
  const original = await PackageVersion.findOne({
    where: { packageId, originalSha256: sha256 },
    ...within,
  });
  if (original) return { key: original.originalKey, bytes: original.originalBytes, sha256 };
  const built = await PackageRun.findOne({
    where: { packageId, artefactSha256: sha256, artefactKey: { [Op.ne]: null } },
    ...within,
  });
  if (built) return artefactOf(built)!;
  const runs = await PackageRun.findAll({
    where: { packageId },
    attributes: ["id", "clearedAt"],
    ...within,
  });
  const step = await PackageStep.findOne({
    where: { runId: runs.map(({ id }) => id), outputSha256: sha256 },
    ...within,
  });
  const output = step && outputOf(step);
  if (!output) {
    throw refusal("packages/no-such-input", "No original or output of this package has it.", {
      issues: [{ path: "input", message: "must be the sha256 of an original or a step's output" }],
    });
  }
  if (runs.find(({ id }) => id === step.runId)!.clearedAt) throw outputGone();
  return output;
}

function outputOf({
  outputKey: key,
  outputBytes: bytes,
  outputSha256: sha256,
}: PackageStep): KeptObject | undefined {
  return key && bytes !== null && sha256 ? { key, bytes, sha256 } : undefined;
}
