import { Readable } from "node:stream";
import { literal, Op } from "sequelize";
import { isFinal, packageKeys } from "../../domain/packages.ts";
import {
  FRAME_SECONDS,
  HARDENER,
  type Pipeline,
  type References,
  stepNames,
} from "../../domain/pipelines.ts";
import { inTransaction } from "../../models/database.ts";
import {
  appendLog,
  isSpare,
  logBytes,
  moveRun,
  quarantineVersion,
  Package,
  PackageLogChunk,
  PackageRun,
  PackageVersion,
  pipelineOfRun,
  readLog,
  takeNumber,
  takeTurn,
  type Turn,
} from "../../models/packages/index.ts";
import { lasting } from "./attempt.ts";
import type {
  Artefact,
  BuildPlan,
  ParkOrder,
  RunEnd,
  RunIds,
  RunOrder,
  StepRule,
} from "./contract.ts";
import type { PackageSettings, PackageTools } from "./tools.ts";

const LOG_CHUNKS = 64;
/** The packages that have a run under way. */
const BUSY = "(SELECT package_id FROM package_runs WHERE ended_at IS NULL)";
/** The plan of a run whose package was removed. */
const GONE: BuildPlan = {
  open: false,
  type: "zip",
  version: "",
  versionId: "",
  steps: [],
  original: { key: "", bytes: 0, sha256: "" },
};

/** The life of a run's row. Everything here may run twice; each comment says why that does no harm. */
export function createRunActivities({ database, objects, bus, settings, fault }: PackageTools) {
  const changed = ({ packageId, runId }: RunIds) =>
    bus.announce({ type: "package.run-changed", data: { packageId, runId } });

  return {
    /** Twice: the second time the run is running already, and the plan is the same. */
    async beginBuild({ packageId, runId }: RunOrder): Promise<BuildPlan> {
      await inTransaction(database, (transaction) =>
        moveRun(runId, "running", { startedAt: new Date() }, transaction),
      );
      const run = await PackageRun.findByPk(runId);
      if (!run) return GONE;
      const { type } = await Package.findByPk(packageId, { rejectOnEmpty: true });
      const version = await PackageVersion.findByPk(run.versionId, { rejectOnEmpty: true });
      const pipeline = await pipelineOfRun(run, type);
      const names = stepNames(pipeline);
      const plan = run.plan ?? names.filter((name) => isConfigured(settings, pipeline, name));
      await inTransaction(database, (transaction) => run.update({ plan }, { transaction }));
      await changed({ packageId, runId });
      const { fromStep } = run;
      const { originalKey: key, originalBytes: bytes, originalSha256: sha256 } = version;
      const input = inputOf(run);
      return {
        open: !isFinal(run.state),
        type,
        version: version.version,
        versionId: version.id,
        // Where it is told to begin may be a step that is not configured: then it begins with the next one.
        steps: plan.filter((name) => names.indexOf(name) >= names.indexOf(fromStep ?? "metadata")),
        rules: rulesOf(pipeline),
        original: input ?? { key, bytes, sha256 },
        ...(input && input.key !== key && { isKept: true }),
      };
    },

    /** Twice: a parked run is not parked again, so its log says so once. */
    async parkRun({ packageId, runId, workflowId, step, reason }: ParkOrder): Promise<void> {
      await inTransaction(database, async (transaction) => {
        const fields = { reason, parkedIn: workflowId };
        if (!(await moveRun(runId, "parked", fields, transaction))) return;
        await appendLog(runId, `--- ${step} is parked: ${reason}\n`, transaction);
      });
      await changed({ packageId, runId });
    },

    /** Twice: a running run is not resumed again, and keeps its number. Answers the number that the retry has taken. */
    async resumeRun({
      packageId,
      runId,
      step,
      reason,
    }: Omit<ParkOrder, "workflowId">): Promise<number> {
      const number = await inTransaction(database, async (transaction) => {
        const fields = { reason: null, parkedIn: null };
        const moved = await moveRun(runId, "running", fields, transaction);
        const run = await PackageRun.findByPk(runId, { transaction, rejectOnEmpty: true });
        if (!moved) return run.number;
        await appendLog(runId, `--- ${step} goes on: ${reason}\n`, transaction);
        // A draft is built without a number, and stays without one.
        if (run.number === 0) return 0;
        const next = await takeNumber(packageId, run.channel, transaction);
        await run.update({ number: next }, { transaction });
        return next;
      });
      await changed({ packageId, runId });
      return number;
    },

    /** Twice: a run that has ended stays as it ended; its log is kept under one key. */
    async endRun({ packageId, runId, state, reason: cause }: RunEnd): Promise<void> {
      return lasting(async (signal) => {
        await inTransaction(database, async (transaction) => {
          const { cancelReason = null } = (await PackageRun.findByPk(runId, { transaction })) ?? {};
          const reason = state === "cancelled" ? (cancelReason ?? cause) : cause;
          const fields = { reason, parkedIn: null, endedAt: new Date() };
          if (!(await moveRun(runId, state, fields, transaction))) return;
          const run = await PackageRun.findByPk(runId, { transaction, rejectOnEmpty: true });
          await PackageVersion.update(
            { state: "failed" },
            { where: { id: run.versionId, state: "processing" }, transaction },
          );
          await appendLog(runId, `--- the run is ${state}: ${reason}\n`, transaction);
          if (state === "quarantined") await quarantineVersion(runId, transaction);
        });
        await changed({ packageId, runId });
        await storeLog({ packageId, runId }, signal);
      });
    },

    /** Twice: the same bytes under the same key. */
    keepLog: (ids: RunIds): Promise<void> => lasting((signal) => storeLog(ids, signal)),

    /** Twice: the run has its number already and gets the same again. */
    async takePublicationTurn({ runId }: RunIds): Promise<Turn> {
      return inTransaction(database, (transaction) => takeTurn(runId, transaction));
    },

    /** Twice: what is removed already is not found again. Answers how many runs were cleared. */
    async clearRunOutputs({
      endedBefore,
      limit,
    }: {
      endedBefore: number;
      limit: number;
    }): Promise<number> {
      return lasting(async () => {
        const runs = await PackageRun.findAll({
          where: {
            clearedAt: null,
            endedAt: { [Op.lt]: new Date(endedBefore) },
            // What is under way may have begun with what one of them left.
            packageId: { [Op.notIn]: literal(BUSY) },
          },
          limit,
        });
        for (const run of runs) {
          const folder = packageKeys.runFolder(run.packageId, run.id);
          await objects.discardUnfinished(folder);
          for await (const { key } of objects.list(folder)) await objects.delete(key);
          const cleared = { clearedAt: new Date() };
          const spare = await isSpare(run);
          if (spare) await objects.delete(run.artefactKey!);
          await inTransaction(database, (transaction) =>
            run.update({ ...cleared, ...(spare && { artefactKey: null }) }, { transaction }),
          );
        }
        return runs.length;
      });
    },
  };

  /** Turns the pieces of an ended run's log into one object. */
  async function storeLog({ packageId, runId }: RunIds, signal: AbortSignal): Promise<void> {
    const key = packageKeys.log(packageId, runId);
    // In this order: while the row names no object, all pieces are there.
    const bytes = await logBytes(runId);
    const run = await PackageRun.findByPk(runId);
    if (!run || run.logKey) return;
    fault("log/begun");
    await objects.put(key, Readable.from(pieces(runId, bytes), { objectMode: false }), {
      contentType: "text/plain; charset=utf-8",
      signal,
    });
    fault("log/stored");
    await inTransaction(database, async (transaction) => {
      await PackageRun.update({ logKey: key }, { where: { id: runId }, transaction });
      await PackageLogChunk.destroy({ where: { runId }, transaction });
    });
    fault("log/recorded");
  }
}

/** Whether a worker with these settings does a step at all. */
function isConfigured(settings: PackageSettings, { steps }: Pipeline, name: string): boolean {
  if (name === "scan") return settings.scanSignatures !== undefined;
  const when = steps.find((step) => step.name === name)?.when;
  if (when === undefined) return true;
  if (when === HARDENER) return settings.hardenCommand !== undefined;
  const [kind, word] = when.split(":") as [string, string];
  return Object.hasOwn(settings.references[`${kind}s` as keyof References], word);
}

function rulesOf({ steps }: Pipeline): Record<string, StepRule> {
  const frame = Object.entries(FRAME_SECONDS).map(([name, timeoutSeconds]) => {
    return [name, { timeoutSeconds, tries: 3, pauseSeconds: 1 }] as const;
  });
  const own = steps.map(({ name, timeoutSeconds, retry }) => {
    return [name, { timeoutSeconds, ...retry }] as const;
  });
  return Object.fromEntries([...frame, ...own]);
}

/** What a run was told to begin with, if not with its version's original. */
function inputOf({
  inputKey: key,
  inputBytes: bytes,
  inputSha256: sha256,
}: PackageRun): Artefact | undefined {
  return key && bytes !== null && sha256 ? { key, bytes, sha256 } : undefined;
}

/** The log's first `bytes` bytes. Throws when another worker was faster and has removed the pieces: nothing is cut. */
async function* pieces(runId: string, bytes: number): AsyncGenerator<Buffer> {
  for (let after = 0; after < bytes;) {
    const chunks = await readLog(runId, after, LOG_CHUNKS);
    const fresh = chunks.filter(({ offset }) => offset >= after);
    if (fresh.length === 0) throw new Error("the log was stored by another worker meanwhile");
    for (const { text } of fresh) yield Buffer.from(text);
    const last = fresh.at(-1)!;
    after = last.offset + last.bytes;
  }
}
