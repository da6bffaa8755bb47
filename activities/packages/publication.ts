import {
  closedDoor,
  fixedPath,
  linkPaths,
  packageKeys,
  PUBLICATION_POSITION,
  PUBLICATION_STEPS,
} from "../../domain/packages.ts";
import type { PublicationStep } from "../../domain/packages.ts";
import type { Transaction } from "sequelize";
import { inTransaction } from "../../models/database.ts";
import { recordAudit } from "../../models/operations.ts";
import {
  adoptArtefact,
  appendLog,
  artefactOf,
  beginStep,
  claimLink,
  emitRunEvent,
  endStep,
  findChannel,
  isThroughGate,
  moveRun,
  Package,
  type PackageChannel,
  PackageRun,
  PackageVersion,
  recordLiveVersion,
} from "../../models/packages/index.ts";
import { attempt, lasting, StepFailure, stepFailureIn } from "./attempt.ts";
import type {
  Artefact,
  LinkTarget,
  PublicationPlan,
  PublicationStepOrder,
  RunOrder,
} from "./contract.ts";
import { checkEdge } from "./edge.ts";
import type { PackageTools } from "./tools.ts";

/** A version's own doors: what is published while distribution is off is there when it is switched on again. */
const OPEN_HOUSE = { isDistributing: true };

/** The steps that bring a built version to the fixed link. */
export function createPublicationActivities(tools: PackageTools) {
  const { database, objects, edge, bus, fault, redact, settings } = tools;
  const purge = (paths: string[], signal: AbortSignal, onWait?: (reason: string) => void) =>
    edge.purge(
      paths.map((path) => settings.publicUrl + path),
      { signal, ...(onWait && { onWait }) },
    );

  return {
    /** Twice: the number is claimed already, by this very run; the plan is the same. */
    async openPublication(order: RunOrder): Promise<PublicationPlan | null> {
      const { packageId, runId, number } = order;
      const run = await PackageRun.findByPk(runId);
      const owner = await Package.findByPk(packageId);
      if (!run || !owner || owner.deletedAt) return null;
      const { channel } = run;
      const shut = await shutDoor(run.versionId);
      fault("claim/begun");
      const open = await inTransaction(database, async (transaction) => {
        if (shut) {
          await cancelRun(runId, shut, transaction);
          return false;
        }
        if (!(await isThroughGate(run.versionId, transaction))) {
          await cancelRun(runId, "The gate did not let this version pass.", transaction);
          return false;
        }
        if (!(await claimLink(packageId, channel, number, transaction))) return false;
        await moveRun(runId, "running", { startedAt: new Date() }, transaction);
        return true;
      });
      fault("claim/recorded");
      if (!open) return null;
      const { state } = await PackageRun.findByPk(runId, { rejectOnEmpty: true });
      const target = await linkTarget(run.versionId, number, artefactOf(run));
      const previous = await liveTarget(await findChannel(packageId, channel));
      if (!target || state !== "running") return null;
      const link = [String(owner.serial), channel, owner.type] as const;
      return { target, previous, path: fixedPath(...link), paths: linkPaths(...link) };
    },

    /** Twice: the link shows the same object again. A worker that was thought dead cannot move it back. */
    async switchLink(order: PublicationStepOrder): Promise<void> {
      return step(order, "switch", async (say, signal) => {
        const { target } = order.plan;
        await assertTurn(order);
        const key = packageKeys.live(order.packageId, order.channel);
        const shown = await objects.head(key);
        if (Number(shown?.metadata["number"]) === target.number) return;
        await putOnLink(key, target, signal);
        say(`the link shows ${target.version}, sha256 ${target.artefact.sha256}`);
      });
    },

    /** Twice: purging what is purged does nothing. */
    async purgeLink(order: PublicationStepOrder): Promise<void> {
      return step(order, "purge", async (say, signal) => {
        const told = await purge(order.plan.paths, signal, say);
        say(told ? "edges were told" : "no edge to tell");
      });
    },

    /** Twice: it only looks. */
    async checkLink(order: PublicationStepOrder): Promise<void> {
      return step(order, "check", async (say, signal) => {
        const { path, target } = order.plan;
        const owner = await Package.findByPk(order.packageId, { rejectOnEmpty: true });
        if (!owner.isDistributing) {
          say("distribution is off: no client gets anything, so there is nothing to check");
          return;
        }
        const url = settings.publicationCheckUrl + path;
        await checkEdge(tools, url, target.artefact, signal);
        say(`${url} shows the new bytes`);
      });
    },

    /** Twice: the same object is put back again; an edge that cannot be told follows within its minute. */
    async restoreLink({ packageId, runId, channel, number }: RunOrder): Promise<void> {
      return lasting(async (signal) => {
        const owner = await Package.findByPk(packageId);
        const link = await findChannel(packageId, channel);
        if (!owner || link?.publishingNumber !== number) return;
        const live = await liveTarget(link);
        const key = packageKeys.live(packageId, channel);
        if (live) await putOnLink(key, live, signal);
        else await objects.delete(key);
        const paths = linkPaths(String(owner.serial), channel, owner.type);
        await purge(paths, signal).catch(() => false);
        const shown = live ? `shows ${live.version} again` : "shows nothing again";
        await inTransaction(database, (transaction) =>
          appendLog(runId, `--- the link ${shown}\n`, transaction),
        );
      });
    },

    /**
     * Twice: the run has succeeded already, so nothing is written or told again. Answers whether the package keeps a
     * limited number of versions.
     */
    async recordLive(order: PublicationStepOrder): Promise<boolean> {
      const { packageId, runId, channel, plan } = order;
      const { target, previous } = plan;
      fault("live/begun");
      await inTransaction(database, async (transaction) => {
        if (!(await recordLiveVersion(packageId, channel, target, transaction))) return;
        const ended = { reason: null, parkedIn: null, endedAt: new Date() };
        if (!(await moveRun(runId, "succeeded", ended, transaction))) return;
        await adoptArtefact(target.versionId, target.artefact, transaction);
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
            after: { version: target.version, number: target.number, channel },
          },
          transaction,
        );
        fault("live/written");
      });
      fault("live/recorded");
      await bus.announce({ type: "package.run-changed", data: { packageId, runId } });
      const owner = await Package.findByPk(packageId);
      return typeof owner?.retainedVersions === "number";
    },
  };

  /** `built` is what the run itself has built; the version's newest build when it has built nothing. */
  async function linkTarget(
    versionId: string,
    number: number,
    built?: Artefact,
  ): Promise<LinkTarget | null> {
    const version = await PackageVersion.findByPk(versionId, { rejectOnEmpty: true });
    const artefact = built ?? artefactOf(version);
    if (!artefact) return null;
    const { fileName } = version;
    return { artefact, number, versionId, version: version.version, fileName };
  }

  /** What a link shows as far as anybody has proved; null when nothing was ever published. */
  async function liveTarget(link: PackageChannel | undefined): Promise<LinkTarget | null> {
    return link?.liveVersionId ? linkTarget(link.liveVersionId, link.liveNumber) : null;
  }

  /** Why a version must not be published, in a sentence. */
  async function shutDoor(versionId: string): Promise<string | undefined> {
    const version = await PackageVersion.findByPk(versionId, { rejectOnEmpty: true });
    return closedDoor(OPEN_HOUSE, version)?.message;
  }

  async function cancelRun(runId: string, reason: string, transaction: Transaction) {
    const ended = { reason, parkedIn: null, endedAt: new Date() };
    if (!(await moveRun(runId, "cancelled", ended, transaction))) return;
    await appendLog(runId, `--- the run is cancelled: ${reason}\n`, transaction);
  }

  /** Switches a link's key to an object and its facts, all at once. */
  async function putOnLink(key: string, target: LinkTarget, signal: AbortSignal) {
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
  async function assertTurn({ packageId, channel, number }: RunOrder): Promise<void> {
    const link = await findChannel(packageId, channel);
    if (link?.publishingNumber === number) return;
    throw new StepFailure("broken", "A later publication has begun.");
  }

  /** Runs one publication step with its row and its lines in the log. */
  async function step(
    { runId, packageId, versionId }: RunOrder,
    name: PublicationStep,
    body: (say: (line: string) => void, signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    return attempt(redact, async (signal) => {
      const lines: string[] = [];
      const position = PUBLICATION_POSITION + PUBLICATION_STEPS.indexOf(name);
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
        const shut = await shutDoor(versionId);
        if (shut) throw new StepFailure("content", shut);
        fault(`${name}/begun`);
        await body((line) => lines.push(line), signal);
        fault(`${name}/done`);
        await end("succeeded");
        fault(`${name}/recorded`);
      } catch (error) {
        const failure = stepFailureIn(error, redact);
        await end("failed", signal.aborted ? "stopped before its end" : failure.message);
        throw failure;
      }
    });
  }
}
