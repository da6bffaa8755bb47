import { WorkflowNotFoundError } from "@temporalio/client";
import { refusal } from "../../../domain/errors.ts";
import { inTransaction } from "../../../models/database.ts";
import { recordAudit } from "../../../models/operations.ts";
import { acceptRollback } from "../../../models/packages/index.ts";
import { newId } from "../../../platform/crypto.ts";
import { onBehalfOf } from "../../../platform/temporal.ts";
import { resolveParked } from "../../../workflows/helpers/parking.ts";
import { findPackage, findRun, findVersion } from "../../policies/packages.ts";
import { route } from "../../route.ts";
import { AcceptedOut, PackageId, Resolve, Rollback, RunId } from "../../schemas/packages.ts";
import { answerAccepted } from "./answers.ts";

/** While no worker runs, nobody hears a decision: the caller is told, and may send it again. */
const PATIENCE_MS = 10_000;

export const rollBackPackage = route({
  method: "post",
  path: "/api/v1/packages/:id/rollback",
  summary: "Let the link show an earlier version again",
  access: "packages:publish",
  params: PackageId,
  body: Rollback,
  returns: [202, AcceptedOut],
  async handle(call) {
    const { services, params, body } = call;
    const owner = await findPackage(params.id);
    const version = await findVersion(owner, body.version);
    if (version.state !== "ready") {
      throw refusal(
        "packages/version-not-ready",
        `Version ${version.version} is ${version.state}. Choose one that is ready.`,
      );
    }
    const runId = newId();
    await acceptRollback(services.database, owner, { runId, version }, call);
    await services.bus.announce({ type: "outbox.filled", data: {} });
    return answerAccepted(call, { packageId: owner.id, runId });
  },
});

export const resolveRun = route({
  method: "post",
  path: "/api/v1/packages/:id/runs/:run/resolve",
  summary: "Decide about a parked run: try its step again, or abort it",
  access: "packages:administer",
  params: RunId,
  body: Resolve,
  returns: [202, AcceptedOut],
  async handle(call) {
    const { actor, address, body, params, requestId, services } = call;
    const owner = await findPackage(params.id);
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
