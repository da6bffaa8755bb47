import { fixedPath, packageKeys, PUBLICATION_STEPS, BUILD_STEPS } from "../../domain/packages.ts";
import type { PublicationStep } from "../../domain/packages.ts";
import { inTransaction } from "../../models/database.ts";
import { recordAudit } from "../../models/operations.ts";
import {
  appendLog,
  beginStep,
  claimLink,
  emitRunEvent,
  endStep,
  moveRun,
  Package,
  PackageRun,
  PackageVersion,
  recordLiveVersion,
} from "../../models/packages/index.ts";
import { attempt, lasting, StepFailure, stepFailureIn } from "./attempt.ts";
import type { LinkTarget, PublicationPlan, PublicationStepOrder, RunOrder } from "./contract.ts";
import { askEdge, checkEdge } from "./edge.ts";
import type { PackageTools } from "./tools.ts";

const PURGE_TIMEOUT_MS = 10_000;

/** The steps that bring a built version to the fixed link. */
export function createPublicationActivities(tools: PackageTools) {
  const { database, objects, bus, redact, settings } = tools;

  return {
    /** Twice: the number is claimed already, by this very run; the plan is the same. */
    async openPublication(order: RunOrder): Promise<PublicationPlan | null> {
      const { packageId, runId, number } = order;
      const claimed = await inTransaction(database, async (transaction) => {
        if (!(await claimLink(packageId, number, transaction))) return false;
        await moveRun(runId, "running", { startedAt: new Date() }, transaction);
        return true;
      });
      if (!claimed) return null;
      const run = await PackageRun.findByPk(runId, { rejectOnEmpty: true });
      const owner = await Package.findByPk(packageId, { rejectOnEmpty: true });
      const target = await linkTarget(run.versionId, number);
      const previous = await liveTarget(owner);
      if (!target || run.state !== "running") return null;
      return { target, previous, path: fixedPath(String(owner.serial), owner.type) };
    },

    /** Twice: the link shows the same object again. A worker that was thought dead cannot move it back. */
    async switchLink(order: PublicationStepOrder): Promise<void> {
      return step(order, "switch", async (say, signal) => {
        const { target } = order.plan;
        await assertTurn(order);
        const shown = await objects.head(packageKeys.live(order.packageId));
        if (Number(shown?.metadata["number"]) === target.number) return;
        await putOnLink(order.packageId, target, signal);
        say(`the link shows ${target.version}, sha256 ${target.artefact.sha256}`);
      });
    },

    /** Twice: purging what is purged does nothing. */
    async purgeLink(order: PublicationStepOrder): Promise<void> {
      return step(order, "purge", async (say, signal) => {
        say((await purge(order.plan.path, signal)) ? "edges were told" : "no edge to tell");
      });
    },

    /** Twice: it only looks. */
    async checkLink(order: PublicationStepOrder): Promise<void> {
      return step(order, "check", async (say, signal) => {
        const { path, target } = order.plan;
        const url = settings.publicationCheckUrl + path;
        await checkEdge(objects, url, target.artefact, signal);
        say(`${url} shows the new bytes`);
      });
    },

    /** Twice: the same object is put back again; an edge that cannot be told follows within its minute. */
    async restoreLink(order: RunOrder): Promise<void> {
      return lasting(async (signal) => {
        const owner = await Package.findByPk(order.packageId, { rejectOnEmpty: true });
        if (owner.publishingNumber !== order.number) return;
        const live = await liveTarget(owner);
        if (live) await putOnLink(order.packageId, live, signal);
        else await objects.delete(packageKeys.live(order.packageId));
        await purge(fixedPath(String(owner.serial), owner.type), signal).catch(() => false);
        const shown = live ? `shows ${live.version} again` : "shows nothing again";
        await inTransaction(database, (transaction) =>
          appendLog(order.runId, `--- the link ${shown}\n`, transaction),
        );
      });
    },

    /** Twice: the run has succeeded already, so nothing is written or told again. */
    async recordLive({ packageId, runId, plan }: PublicationStepOrder): Promise<void> {
      const { target, previous } = plan;
      await inTransaction(database, async (transaction) => {
        if (!(await recordLiveVersion(packageId, target, transaction))) return;
        const ended = { reason: null, parkedIn: null, endedAt: new Date() };
        if (!(await moveRun(runId, "succeeded", ended, transaction))) return;
        await appendLog(runId, `--- ${target.version} is live\n`, transaction);
        const run = await PackageRun.findByPk(runId, { transaction, rejectOnEmpty: true });
        const owner = await Package.findByPk(packageId, { transaction, rejectOnEmpty: true });
        const event = run.kind === "rollback" ? "package.rolled_back" : "package.published";
        await emitRunEvent(event, runId, transaction);
        await recordAudit(
          {
            actor: { accountId: run.requestedById, name: run.requestedBy },
            action: "packages.published",
            subjectKind: "package",
            subjectId: String(owner.serial),
            requestId: run.requestId,
            before: previous && { version: previous.version, number: previous.number },
            after: { version: target.version, number: target.number },
          },
          transaction,
        );
      });
      await bus.announce({ type: "package.run-changed", data: { packageId, runId } });
    },
  };

  async function linkTarget(versionId: string, number: number): Promise<LinkTarget | null> {
    const version = await PackageVersion.findByPk(versionId, { rejectOnEmpty: true });
    const { artefactKey, artefactBytes, artefactSha256, fileName } = version;
    if (!artefactKey || artefactBytes === null || !artefactSha256) return null;
    const artefact = { key: artefactKey, bytes: artefactBytes, sha256: artefactSha256 };
    return { artefact, number, versionId, version: version.version, fileName };
  }

  /** What the link shows as far as anybody has proved; null when nothing was ever published. */
  async function liveTarget({ liveVersionId, liveNumber }: Package): Promise<LinkTarget | null> {
    return liveVersionId ? linkTarget(liveVersionId, liveNumber) : null;
  }

  /** Switches the fixed key to an object and its facts, all at once. */
  async function putOnLink(packageId: string, target: LinkTarget, signal: AbortSignal) {
    const key = packageKeys.live(packageId);
    await objects.discardUnfinished(key);
    await objects.copy(target.artefact.key, key, {
      signal,
      metadata: {
        sha256: target.artefact.sha256,
        number: String(target.number),
        version: target.version,
        "file-name": target.fileName,
      },
    });
  }

  /** Keeps a worker that was thought dead from moving the link after a later publication has begun. */
  async function assertTurn({ packageId, number }: RunOrder): Promise<void> {
    const { publishingNumber } = await Package.findByPk(packageId, { rejectOnEmpty: true });
    if (publishingNumber === number) return;
    throw new StepFailure("broken", "A later publication has begun.");
  }

  async function purge(path: string, signal: AbortSignal): Promise<boolean> {
    if (!settings.purgeUrl) return false;
    const response = await askEdge(settings.purgeUrl, signal, PURGE_TIMEOUT_MS, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ urls: [settings.publicUrl + path] }),
    });
    await response.body?.cancel();
    if (response.ok) return true;
    throw new StepFailure("broken", `The purge address answered ${response.status}.`);
  }

  /** Runs one publication step with its row and its lines in the log. */
  async function step(
    { runId, packageId }: RunOrder,
    name: PublicationStep,
    body: (say: (line: string) => void, signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    return attempt(redact, async (signal) => {
      const lines: string[] = [];
      const position = BUILD_STEPS.length + PUBLICATION_STEPS.indexOf(name);
      const turn = await inTransaction(database, (transaction) =>
        beginStep({ runId, position, name }, transaction),
      );
      const end = async (state: "succeeded" | "failed", reason?: string) => {
        if (reason) lines.push(reason);
        const text = [`--- ${name}`, ...lines].map((line) => `${line}\n`).join("");
        await inTransaction(database, async (transaction) => {
          await endStep({ runId, name, turn }, { state, ...(reason && { reason }) }, transaction);
          await appendLog(runId, text, transaction);
        });
        await bus.announce({ type: "package.run-changed", data: { packageId, runId } });
      };
      try {
        await body((line) => lines.push(line), signal);
        await end("succeeded");
      } catch (error) {
        const failure = stepFailureIn(error, redact);
        await end("failed", signal.aborted ? "stopped before its end" : failure.message);
        throw failure;
      }
    });
  }
}
