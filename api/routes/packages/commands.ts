import { WorkflowNotFoundError } from "@temporalio/client";
import { mayWith } from "../../../domain/accounts.ts";
import { refusal } from "../../../domain/errors.ts";
import { inTransaction } from "../../../models/database.ts";
import { recordAudit } from "../../../models/operations.ts";
import {
  acceptCancellation,
  acceptRebuild,
  changePackage as storeChange,
  deletePackage as beginDeletion,
  findStart,
  outputGone,
} from "../../../models/packages/index.ts";
import { newId } from "../../../platform/crypto.ts";
import { onBehalfOf } from "../../../platform/temporal.ts";
import { resolveParked } from "../../../workflows/helpers/parking.ts";
import { findPackage, findRun, findVersion } from "../../policies/packages.ts";
import { route } from "../../route.ts";
import {
  AcceptedOut,
  Cancellation,
  Deletion,
  DeletionOut,
  PackageChange,
  PackageId,
  PackageOut,
  Rebuild,
  Resolve,
  RunId,
} from "../../schemas/packages.ts";
import { answerAccepted, showPackage } from "./answers.ts";
import { answerToldOf } from "./versions.ts";

/** While no worker runs, nobody hears a decision: the caller is told, and may send it again. */
const PATIENCE_MS = 10_000;

export const rebuildVersion = route({
  method: "post",
  path: "/api/v1/packages/:id/runs",
  summary: "Build a version again, wholly or from a step on, and publish it",
  access: "packages:run",
  perPackage: true,
  params: PackageId,
  body: Rebuild,
  returns: [202, AcceptedOut],
  async handle(call) {
    const { services, body } = call;
    const owner = await findPackage(call);
    const version = await findVersion(owner, body.version);
    const { from_step: fromStep, input } = body;
    const start = await findStart(owner, version, { fromStep, input });
    const kept = start.input && (await services.objects.head(start.input.key));
    if (start.input && kept?.bytes !== start.input.bytes) throw outputGone();
    const rebuild = { runId: newId(), version, kind: "rebuild", fromStep, input } as const;
    const fourEyes = services.env.FOUR_EYES;
    await acceptRebuild(services.database, owner, { ...rebuild, fourEyes }, call);
    return answerToldOf(call, owner, rebuild.runId);
  },
});

export const changePackage = route({
  method: "patch",
  path: "/api/v1/packages/:id",
  summary: "Change a package's description, its distribution, or how many versions it keeps",
  access: "packages:publish",
  perPackage: true,
  params: PackageId,
  body: PackageChange,
  returns: [200, PackageOut],
  async handle(call) {
    const { services, body } = call;
    const owner = await findPackage(call);
    const { description, pipeline, is_distributing: isDistributing } = body;
    const { retained_versions, grace_hours, requires_approval: requiresApproval } = body;
    if (requiresApproval !== undefined && !mayWith(call.actor, "packages:administer", owner.id)) {
      throw refusal("accounts/not-allowed", "This needs the right to administer this package.");
    }
    const graceSeconds = grace_hours === undefined ? undefined : Math.ceil(grace_hours * 3600);
    const kept = { retainedVersions: retained_versions, graceSeconds, pipeline };
    const changes = { description, isDistributing, requiresApproval, ...kept };
    await storeChange(services.database, owner, changes, call);
    await services.bus.announce({ type: "outbox.filled", data: {} });
    return showPackage(call, await findPackage(call));
  },
});

export const deletePackage = route({
  method: "delete",
  path: "/api/v1/packages/:id",
  summary: "Remove a package with all it has; only the audit stays",
  access: "packages:administer",
  perPackage: true,
  params: PackageId,
  body: Deletion,
  returns: [202, DeletionOut],
  async handle(call) {
    const { services, params, body } = call;
    const owner = await findPackage(call);
    await beginDeletion(services.database, owner, { ...body, removalId: newId() }, call);
    await services.bus.announce({ type: "outbox.filled", data: {} });
    return { id: params.id, name: owner.name, status: "removing" as const };
  },
});

export const cancelRun = route({
  method: "post",
  path: "/api/v1/packages/:id/runs/:run/cancel",
  summary: "End a run wherever it is; its link shows what it showed before",
  access: "packages:run",
  perPackage: true,
  params: RunId,
  body: Cancellation,
  returns: [202, AcceptedOut],
  async handle(call) {
    const { services, params, body } = call;
    const owner = await findPackage(call);
    const { id: runId } = await findRun(owner, params.run);
    const cancellation = { ...body, runId, orderId: newId() };
    await acceptCancellation(services.database, owner, cancellation, call);
    return answerToldOf(call, owner, runId);
  },
});

export const resolveRun = route({
  method: "post",
  path: "/api/v1/packages/:id/runs/:run/resolve",
  summary: "Decide about a parked run: try its step again, or abort it",
  access: "packages:resolve",
  perPackage: true,
  params: RunId,
  body: Resolve,
  returns: [202, AcceptedOut],
  async handle(call) {
    const { actor, address, body, params, requestId, services } = call;
    const owner = await findPackage(call);
    const { id: runId, parkedIn, state } = await findRun(owner, params.run);
    if (state !== "parked" || !parkedIn) throw notParked();
    await inTransaction(services.database, (transaction) =>
      recordAudit(
        {
          actor,
          action: "packages.run-resolved",
          subjectKind: "package",
          subjectId: String(owner.serial),
          address,
          requestId,
          after: { run: runId, ...body },
        },
        transaction,
      ),
    );
    const { temporal } = services;
    const decide = () =>
      temporal.workflow.getHandle(parkedIn).executeUpdate(resolveParked, {
        args: [{ ...body, by: actor.name }],
      });
    await onBehalfOf({ actor: actor.name, requestId }, () =>
      temporal.withDeadline(Date.now() + PATIENCE_MS, decide),
    ).catch((error: unknown) => {
      throw error instanceof WorkflowNotFoundError ? notParked() : error;
    });
    return answerAccepted(call, { packageId: owner.id, runId });
  },
});

function notParked() {
  return refusal(
    "packages/run-not-parked",
    "This run is not parked: nothing waits for a decision.",
  );
}
