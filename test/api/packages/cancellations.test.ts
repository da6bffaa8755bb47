import { describe, expect, test } from "vitest";
import { AuditEntry, OutboxEntry } from "../../../models/operations.ts";
import { PackageRun, PackageVersion } from "../../../models/packages/index.ts";
import { ADMIN, startApi } from "../../support/api.ts";
import { publishByHand, uploadPackage } from "../../support/packages.ts";

const reason = "the wrong file";

async function startUploaded() {
  const api = await startApi();
  const { body, headers } = await uploadPackage(api);
  const path = headers.get("location")!;
  const cancel = (json: object = { reason }) => api.call(ADMIN, "POST", `${path}/cancel`, { json });
  const orders = async () =>
    (await OutboxEntry.findAll()).filter(({ command }) => command!.update === "cancelRun");
  return { api, id: body.id as string, run: body.run.id as string, cancel, orders };
}

describe("POST /api/v1/packages/:id/runs/:run/cancel", () => {
  test("tells the package's workflow and audits why; the second time nothing more happens", async () => {
    const { run, cancel, orders } = await startUploaded();

    const first = await cancel();
    const second = await cancel({ reason: "again" });
    await PackageRun.update({ state: "cancelled" }, { where: { id: run } });
    const late = await cancel();

    expect([first, second, late].map(({ status }) => status)).toEqual([202, 202, 202]);
    expect(first.body.run.id).toBe(run);
    expect(await orders()).toMatchObject([{ command: { argument: { runId: run } } }]);
    expect(await PackageRun.findByPk(run)).toMatchObject({
      cancelReason: "Cancelled by admin: the wrong file",
    });
    expect(await AuditEntry.findAll({ where: { action: "packages.run-cancelled" } })).toMatchObject(
      [{ before: { run, status: "queued" }, after: { run, reason } }],
    );
  });

  test.each(["succeeded", "failed", "superseded", "cancelled"] as const)(
    "refuses a run that is %s already",
    async (state) => {
      const { run, cancel, orders } = await startUploaded();
      await PackageRun.update({ state }, { where: { id: run } });

      expect(await cancel()).toMatchObject({ status: 409, body: { code: "packages/run-ended" } });
      expect(await orders()).toEqual([]);
    },
  );

  test("refuses to go without a reason, and a run that withdraws a version", async () => {
    const { api, id, cancel } = await startUploaded();
    const yank = await api.call(ADMIN, "POST", `/api/v1/packages/${id}/versions/1.0.0/yank`, {
      json: { reason },
    });
    const path = `${yank.headers.get("location")}/cancel`;

    expect(await cancel({})).toMatchObject({ status: 422, body: { issues: [{ path: "reason" }] } });
    expect(await api.call(ADMIN, "POST", path, { json: { reason } })).toMatchObject({
      status: 409,
      body: { code: "packages/run-not-cancellable" },
    });
  });

  test("of a publication that waits for its time keeps the draft a draft without a time", async () => {
    const { api, id } = await startUploaded();
    await publishByHand(api, id, "1.0.0");
    await PackageVersion.update({ isDraft: true }, { where: { version: "1.0.0" } });
    const at = new Date(Date.now() + 3_600_000).toISOString();
    const timed = await api.call(ADMIN, "POST", `/api/v1/packages/${id}/versions/1.0.0/publish`, {
      json: { at },
    });

    const path = `${timed.headers.get("location")}/cancel`;
    const { status } = await api.call(ADMIN, "POST", path, { json: { reason } });

    expect(status).toBe(202);
    expect(await PackageVersion.findOne()).toMatchObject({ isDraft: true, publishAt: null });
  });
});
