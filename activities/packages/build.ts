import { activityInfo } from "@temporalio/activity";
import { LIMITS } from "../../domain/limits.ts";
import { BUILD_STEPS } from "../../domain/packages.ts";
import { inTransaction } from "../../models/database.ts";
import { appendLog, beginStep, endStep } from "../../models/packages/index.ts";
import { attempt, stepFailureIn } from "./attempt.ts";
import type { Artefact, StepOrder } from "./contract.ts";
import { runChecksums } from "./steps/checksums.ts";
import { runAlign, runHarden, runSign } from "./steps/programs.ts";
import { runMetadata } from "./steps/metadata.ts";
import { runScan } from "./steps/scan.ts";
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
  const { database, shell, bus, openStepLog, redact, settings } = tools;

  return {
    /**
     * Twice: reads the same input from the store and writes its output under a key of its own turn; the output
     * that the workflow hears of is the one that is handed on.
     */
    async runBuildStep(order: StepOrder): Promise<Artefact> {
      return attempt(redact, async (signal) => {
        const { runId, step, tries } = order;
        const turn = await inTransaction(database, async (transaction) => {
          const position = BUILD_STEPS.indexOf(step);
          const begun = await beginStep({ runId, position, name: step }, transaction);
          const again = activityInfo().attempt + tries;
          const label = again > 1 ? `${step} (attempt ${again})` : step;
          await appendLog(runId, `--- ${label}\n`, transaction);
          return begun;
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
            STEPS[step]({
              ...order,
              turn,
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
