import { ScheduleNotFoundError, WorkflowNotFoundError } from "@temporalio/client";
import type { Actor } from "../../../domain/accounts.ts";
import { refusal } from "../../../domain/errors.ts";
import { workflowId } from "../../../domain/ids.ts";
import { findRecharge, noteResolution } from "../../../models/billing/index.ts";
import { onBehalfOf } from "../../../platform/temporal.ts";
import { resolveParked } from "../../../workflows/helpers/parking.ts";
import { route } from "../../route.ts";
import { Done } from "../../schemas/accounts.ts";
import { Resolution, ThingId } from "../../schemas/billing.ts";
import type { Services } from "../../services.ts";

/** While no worker runs, nobody hears a decision: the caller is told, and may send it again. */
const PATIENCE_MS = 10_000;

export const resolveReconciliation = route({
  method: "post",
  path: "/api/v1/admin/ledger/resolve",
  summary: "Decide about a parked reconciliation: compare everything again, or end it",
  access: "billing:administer",
  body: Resolution,
  returns: [200, Done],
  async handle(call) {
    const parked = await findReconciliation(call.services);
    return decide(call, parked, { subjectKind: "ledger", subjectId: "balances" });
  },
});

export const resolveRecharge = route({
  method: "post",
  path: "/api/v1/admin/recharges/:id/resolve",
  summary: "Decide about a payment whose provider is silent: ask it again, or leave it",
  access: "billing:administer",
  params: ThingId,
  body: Resolution,
  returns: [200, Done],
  async handle(call) {
    const { id } = await findRecharge(call.params.id);
    const about = { subjectKind: "recharge", subjectId: id };
    return decide(call, workflowId("recharge", id), about);
  },
});

interface Deciding {
  actor: Actor;
  address: string;
  requestId: string;
  body: { action: "retry" | "abort"; reason: string };
  services: Services;
}

/** Hands the decision to what waits for it. */
async function decide(
  { services, ...call }: Deciding,
  parked: string,
  about: { subjectKind: string; subjectId: string },
) {
  const { actor, body, requestId } = call;
  const { temporal, database } = services;
  await noteResolution(database, { ...about, after: { ...body, workflow: parked } }, call);
  const tell = () =>
    temporal.workflow
      .getHandle(parked)
      .executeUpdate(resolveParked, { args: [{ ...body, by: actor.name }] });
  await onBehalfOf({ actor: actor.name, requestId }, () =>
    temporal.withDeadline(Date.now() + PATIENCE_MS, tell),
  ).catch((error: unknown) => {
    throw error instanceof WorkflowNotFoundError ? notParked() : error;
  });
  return { message: "Decided", success: true as const };
}

/** The reconciliation that runs now: one that is parked keeps others from beginning. */
async function findReconciliation({ temporal }: Services): Promise<string> {
  try {
    const { info } = await temporal.withDeadline(Date.now() + PATIENCE_MS, () =>
      temporal.schedule.getHandle("sweep/ledger").describe(),
    );
    const [running] = info.runningActions;
    if (running) return running.workflow.workflowId;
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
  throw notParked();
}

function notParked(): Error {
  return refusal("billing/not-parked", "Nothing waits for a decision here.");
}
