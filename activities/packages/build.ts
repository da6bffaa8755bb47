import { activityInfo } from "@temporalio/activity";
import { LIMITS } from "../../domain/limits.ts";
import { BUILD_STEPS } from "../../domain/packages.ts";
import { inTransaction } from "../../models/database.ts";
import { appendLog, beginStep, endStep } from "../../models/packages/index.ts";
import { lasting, stepFailureIn } from "./attempt.ts";
import type { Artefact, StepOrder } from "./contract.ts";
import { runChecksums } from "./steps/checksums.ts";
import { runAlign, runHarden, runScan, runSign } from "./steps/programs.ts";
import { runMetadata } from "./steps/metadata.ts";
import type { StepWork } from "./steps/work.ts";
import type { PackageTools } from "./tools.ts";

const STEPS: Record<StepOrder["step"], (work: StepWork) => Promise<Artefact>> = {
  metadata: runMetadata,
  scan: runScan,
  harden: runHarden,
  align: runAlign,
  sign: runSign,
  checksums: runChecksums,
};

/** The steps that make the published form out of an original. */
export function createBuildActivities(tools: PackageTools) {
  const { database, shell, bus, openStepLog, settings } = tools;

  return {
    /**
     * Twice: reads the same input from the store and writes its output under the key of run and step, so the
     * second attempt replaces what the first left, finished or not.
     */
    async runBuildStep(order: StepOrder): Promise<Artefact> {
      return lasting(async (signal) => {
        const { runId, step, tries } = order;
        await inTransaction(database, async (transaction) => {
          await beginStep({ runId, position: BUILD_STEPS.indexOf(step), name: step }, transaction);
          const attempt = activityInfo().attempt + tries;
          const again = attempt > 1 ? ` (attempt ${attempt})` : "";
          await appendLog(runId, `--- ${step}${again}\n`, transaction);
        });
        const log = openStepLog({
          limitBytes: LIMITS.stepLogBytes,
          redact: [...settings.secrets],
          async write(text) {
            await inTransaction(database, (transaction) => appendLog(runId, text, transaction));
            await bus.announce({ type: "package.log-grew", data: { runId } });
          },
        });
        try {
          const output = await shell.withScratch(`${step}-${runId}`, (directory) =>
            STEPS[step]({ ...order, tools, signal, directory, say: (line) => log.line(line) }),
          );
          await log.close();
          await inTransaction(database, (transaction) =>
            endStep(
              runId,
              step,
              { state: "succeeded", exitCode: 0, outputSha256: output.sha256 },
              transaction,
            ),
          );
          return output;
        } catch (error) {
          const { message, exitCode } = stepFailureIn(error);
          log.line(signal.aborted ? "stopped before its end" : message);
          await log.close();
          await inTransaction(database, (transaction) =>
            endStep(runId, step, { state: "failed", reason: message, exitCode }, transaction),
          );
          throw error;
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
