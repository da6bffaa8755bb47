import { activityInfo } from "@temporalio/activity";
import { LIMITS } from "../../domain/limits.ts";
import { FRAME_SECONDS, type PipelineStep } from "../../domain/pipelines.ts";
import { inTransaction } from "../../models/database.ts";
import {
  appendLog,
  beginStep,
  endStep,
  noteLog,
  noteRun,
  PackageRun,
  PackageVersion,
  pipelineOfRun,
  taskOf,
} from "../../models/packages/index.ts";
import { attempt, StepFailure, stepFailureIn } from "./attempt.ts";
import type { Artefact, StepOrder } from "./contract.ts";
import { runChecksums } from "./steps/checksums.ts";
import { runCommand } from "./steps/command.ts";
import { runMetadata } from "./steps/metadata.ts";
import { runScan } from "./steps/scan.ts";
import type { StepWork } from "./steps/work.ts";
import type { PackageTools } from "./tools.ts";

const FRAME: Record<string, (work: StepWork) => Promise<Artefact>> = {
  metadata: runMetadata,
  scan: runScan,
  checksums: runChecksums,
};

/** What is known of a step before it begins: its place in its run, and what its pipeline says of it. */
async function lookUp({ runId, step, type, versionId }: StepOrder) {
  const run = await PackageRun.findByPk(runId, { rejectOnEmpty: true });
  const { version } = await PackageVersion.findByPk(versionId, { rejectOnEmpty: true });
  const { steps } = await pipelineOfRun(run, type);
  const definition = steps.find(({ name }) => name === step);
  const plan = run.plan ?? [step];
  return { run, plan, position: Math.max(plan.indexOf(step), 0), version, definition };
}

function perform(definition: PipelineStep | undefined, work: StepWork): Promise<Artefact> {
  const run = FRAME[work.step];
  if (run) return run(work);
  if (definition) return runCommand(work, definition);
  throw new StepFailure("broken", `The run's pipeline has no step ${work.step}.`);
}

/** The steps that make the published form out of an original. */
export function createBuildActivities(tools: PackageTools) {
  const { database, shell, bus, openStepLog, redact, reportProgress, settings } = tools;

  return {
    /**
     * Twice: reads the same input from the store and writes its output under a key of its own turn; the output
     * that the workflow hears of is the one that is handed on.
     */
    async runBuildStep(order: StepOrder): Promise<Artefact> {
      return attempt(redact, async (signal) => {
        const { runId, step, tries } = order;
        const { run, plan, position, version, definition } = await lookUp(order);
        const reached = (done: number) => {
          const steps = { done, total: plan.length, unit: "steps", message: step } as const;
          reportProgress({ ...taskOf(run), phase: "building", ...steps });
        };
        const turn = await inTransaction(database, async (transaction) => {
          const begun = await beginStep({ runId, position, name: step }, transaction);
          const again = activityInfo().attempt + tries;
          const label = again > 1 ? `${step} (attempt ${again})` : step;
          await appendLog(runId, `--- ${label}\n`, transaction);
          await noteRun(run, label, transaction);
          return begun;
        });
        reached(position);
        const log = openStepLog({
          limitBytes: LIMITS.stepLogBytes,
          redact: [...settings.secrets],
          async write(text) {
            await inTransaction(database, async (transaction) => {
              await appendLog(runId, text, transaction);
              await noteLog(run, text, transaction);
            });
            await bus.announce({ type: "package.log-grew", data: { runId } });
          },
        });
        try {
          const output = await shell.withScratch(`${step}-${runId}`, (directory) =>
            perform(definition, {
              ...order,
              turn,
              version,
              timeoutSeconds: definition?.timeoutSeconds ?? FRAME_SECONDS[step] ?? 0,
              tools,
              signal,
              directory,
              say: (line) => log.line(line),
            }),
          );
          await log.close();
          const end = { state: "succeeded", exitCode: 0, output } as const;
          await inTransaction(database, (transaction) =>
            endStep({ runId, name: step, turn }, end, transaction),
          );
          reached(position + 1);
          return output;
        } catch (error) {
          const failure = stepFailureIn(error, redact);
          const reason = signal.aborted ? "stopped before its end" : failure.message;
          const end = { state: "failed", reason, exitCode: failure.exitCode } as const;
          log.line(reason);
          await log.close();
          await inTransaction(database, (transaction) =>
            endStep({ runId, name: step, turn }, end, transaction),
          );
          throw failure;
        } finally {
          await bus.announce({
            type: "package.run-changed",
            data: { packageId: order.packageId, runId },
          });
        }
      });
    },
  };
}
