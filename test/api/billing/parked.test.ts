import { WorkflowNotFoundError } from "@temporalio/client";
import { describe, expect, test } from "vitest";
import { requestRecharge } from "../../../models/billing/index.ts";
import { AuditEntry } from "../../../models/operations.ts";
import { newId } from "../../../platform/crypto.ts";
import { ADMIN, startApi, STRANGER } from "../../support/api.ts";
import { ORIGIN } from "../../support/webhooks.ts";

const decision = { action: "retry", reason: "the row was mended" };

describe("POST /api/v1/admin/ledger/resolve", () => {
  const PATH = "/api/v1/admin/ledger/resolve";

  test("tells the reconciliation that runs what somebody decided, and the audit who", async () => {
    const api = await startApi();
    const workflow = { workflowId: "sweep/ledger-2026-11-21T18:00:00Z", firstExecutionRunId: "r" };
    api.temporal.answerWith(({ method }) =>
      method === "describeSchedule" ? { info: { runningActions: [{ workflow }] } } : undefined,
    );

    const { status } = await api.call(ADMIN, "POST", PATH, { json: decision });

    expect(status).toBe(200);
    expect(api.temporal.calls).toMatchObject([
      { method: "describeSchedule", name: "sweep/ledger" },
      {
        method: "executeUpdate",
        name: "resolve",
        workflowId: workflow.workflowId,
        args: [{ ...decision, by: "admin" }],
      },
    ]);
    const entry = await AuditEntry.findOne({ where: { action: "billing.resolved" } });
    expect(entry).toMatchObject({ actorName: "admin", subjectKind: "ledger", after: decision });
    expect((await api.call(STRANGER, "POST", PATH, { json: decision })).status).toBe(403);
    expect((await api.call(ADMIN, "POST", PATH, { json: { action: "retry" } })).status).toBe(422);
  });

  test("says so when nothing waits", async () => {
    const api = await startApi();
    api.temporal.answerWith(() => ({ info: { runningActions: [] } }));

    const { status, body } = await api.call(ADMIN, "POST", PATH, { json: decision });

    expect([status, body.code]).toEqual([409, "billing/not-parked"]);
    expect(await AuditEntry.count({ where: { action: "billing.resolved" } })).toBe(0);
  });
});

describe("POST /api/v1/admin/recharges/:id/resolve", () => {
  test("tells what waits for a silent provider, if it still does", async () => {
    const api = await startApi();
    const money = { id: newId(), accountId: newId(), amountFen: 5, description: "in" };
    const order = { ...money, method: "alipay" } as const;
    const { id } = await requestRecharge(api.services.database, order, ORIGIN);
    const resolve = (which: string) =>
      api.call(ADMIN, "POST", `/api/v1/admin/recharges/${which}/resolve`, { json: decision });

    const told = await resolve(id);
    api.temporal.answerWith(() => {
      throw new WorkflowNotFoundError("over", `recharge/${id}`, undefined);
    });
    const late = await resolve(id);

    expect([told.status, late.status, late.body.code]).toEqual([200, 409, "billing/not-parked"]);
    expect(api.temporal.calls[0]).toMatchObject({ workflowId: `recharge/${id}`, name: "resolve" });
    expect((await resolve(newId())).status).toBe(404);
  });
});
